/** Columns as wide as their widest cell, two spaces apart, the header first. `right` names the columns of numbers. */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[], right: readonly string[] = []): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const lines = all.map((row) =>
    header
      .map((name, column) => {
        const cell = row[column] ?? "";
        const width = widths[column] as number;
        return right.includes(name) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}
