import type { Server } from "node:http";
import { type AddressInfo, isIP } from "node:net";
import { UserError } from "#libs/units/invariant.ts";

/**
 * Binds a server and tells where it can be reached. Throws `UserError` that names the port and the setting that changes it when the port is taken or may not
 * be used.
 */
export async function listen(
  server: Server,
  options: { readonly host: string; readonly port: number; readonly what: string; readonly setting: string },
): Promise<{ readonly url: string; readonly port: number }> {
  const { host, port, what, setting } = options;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const remedy = `or choose another with ${setting} (0 picks a free one)`;
      if (cause.code === "EADDRINUSE")
        reject(new UserError(`port ${port} of the ${what} is in use on ${host}`, `stop what holds it, ${remedy}`, { cause }));
      else if (cause.code === "EACCES" || cause.code === "EADDRNOTAVAIL")
        reject(
          new UserError(
            `the ${what} cannot listen on ${host}:${port}: ${cause.message}`,
            `use an address of this machine and a port above 1023, ${remedy}`,
            { cause },
          ),
        );
      else reject(cause);
    });
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  return { url: `http://${isIP(host) === 6 ? `[${host}]` : host}:${bound}`, port: bound };
}
