import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { blobsOf, type TestBlob, type TestImage } from './oci-image.ts';

/** One request a fake registry saw. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Answers a request, or returns false to let the registry answer as it should. */
export type Script = (
  request: SeenRequest,
  response: ServerResponse,
  socket: Socket,
) => boolean | undefined | Promise<boolean | undefined>;

/**
 * A scripted HTTP server that serves images from memory and does what a real registry cannot be made to do: resets,
 * wrong ranges and lengths, Retry-After, redirects, silence. Only for such faults; everything else is tested against
 * a real registry.
 */
export interface FakeRegistry extends AsyncDisposable {
  readonly port: number;
  /** `127.0.0.1:<port>` */
  readonly host: string;
  readonly requests: SeenRequest[];
  /** What it does instead of its duty; may be changed at any time. */
  script: Script;
}

export interface FakeRegistryOptions {
  readonly images?: readonly TestImage[];
  /** Tags, by `repository:tag`; default: every tag is the first image's manifest. */
  readonly tags?: Readonly<Record<string, TestBlob>>;
  readonly script?: Script;
  /** With `clients`, only whoever shows this certificate is let in. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clients?: string };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return body;
}

function serve(request: SeenRequest, response: ServerResponse, options: FakeRegistryOptions): void {
  const images = options.images ?? [];
  const blobs = images.flatMap(blobsOf);
  const match = /^\/v2\/(.+)\/(manifests|blobs)\/([^/?]+)/.exec(request.path);
  const name = match?.[3] ?? '';
  const tagged = match?.[2] === 'manifests' && !name.includes(':');
  const found = tagged
    ? (options.tags?.[`${match?.[1]}:${name}`] ?? images[0]?.manifest)
    : blobs.find(({ digest }) => digest === name);
  if (found === undefined) {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end('{"errors":[{"code":"NAME_UNKNOWN","message":"not here"}]}');
    return;
  }
  const range = /^bytes=([0-9]+)-$/.exec(request.headers.range ?? '');
  const from = Number(range?.[1] ?? 0);
  const bytes = found.bytes.subarray(from);
  const type = match?.[2] === 'manifests' ? found.mediaType : 'application/octet-stream';
  response.writeHead(range === null ? 200 : 206, {
    'content-type': type,
    'content-length': bytes.length,
    ...(range === null ? {} : { 'content-range': `bytes ${from}-${found.size - 1}/${found.size}` }),
  });
  response.end(bytes);
}

function tlsServer(
  { cert, key, clients }: NonNullable<FakeRegistryOptions['tls']>,
  listener: RequestListener,
): Server {
  const asking = clients === undefined ? {} : { requestCert: true, ca: clients };
  return createTlsServer({ cert, key, ...asking }, listener);
}

/** Starts one on a free port of loopback. */
export async function startFakeRegistry(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const requests: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  const onRequest = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers, socket } = incoming;
    const request: SeenRequest = { method, path: url, headers, body: await bodyOf(incoming) };
    requests.push(request);
    if ((await fake.script(request, response, socket)) !== false) return;
    serve(request, response, options);
  };
  const listener = (incoming: IncomingMessage, response: ServerResponse): void => {
    response.on('error', () => {});
    onRequest(incoming, response).catch(() => incoming.socket.destroy());
  };
  const server = options.tls === undefined ? createServer(listener) : tlsServer(options.tls, listener);
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  };
  server.on('connection', keep);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const fake: FakeRegistry = {
    port,
    host: `127.0.0.1:${port}`,
    requests,
    script: options.script ?? (() => false),
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  return fake;
}

/** True for a request of a layer of the image. */
export function wantsLayer(request: SeenRequest, image: TestImage): boolean {
  return image.layers.some(({ digest }) => request.path.endsWith(`/blobs/${digest}`));
}
