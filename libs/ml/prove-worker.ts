import { type OpenFailure, openModel } from "#libs/ml/model-folder.ts";

export default async function prove(folder: string): Promise<OpenFailure | null> {
  const opened = await openModel(folder, { capacity: 4_096 });
  if (!opened.ok) return opened.error;
  await opened.value.reference.close();
  return null;
}
