import { createServer } from 'node:http';

/** An HTTP server on loopback whose downloads begin and never end. */
export interface StalledServer extends AsyncDisposable {
  /** The URL of a file, e.g. `slow.tar`. */
  url(file: string): string;
}

/** Starts a {@link StalledServer}: it promises a gibibyte, sends 64 KiB, and falls silent. */
export async function stalledServer(): Promise<StalledServer> {
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'application/x-tar', 'content-length': 2 ** 30 });
    if (request.method === 'HEAD') response.end();
    else response.write(Buffer.alloc(64 * 1024));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: (file) => `http://127.0.0.1:${port}/${file}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
