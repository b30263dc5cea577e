import { createServer, request } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

/** A proxy of one test on loopback. */
export interface HttpProxy extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** What it was asked for: `CONNECT host:port`, or the whole URL. */
  readonly asked: string[];
  /** Its `Proxy-Authorization` headers, in order. */
  readonly logins: (string | undefined)[];
}

/** Starts a proxy for plain requests and for tunnels. Whatever the host, it goes to `port` of 127.0.0.1. */
export async function startHttpProxy(port: number): Promise<HttpProxy> {
  const asked: string[] = [];
  const logins: (string | undefined)[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((incoming, response) => {
    asked.push(incoming.url ?? '');
    logins.push(incoming.headers['proxy-authorization']);
    const { pathname, search } = new URL(incoming.url ?? '');
    const { method, headers } = incoming;
    const onward = request(
      { port, host: '127.0.0.1', path: pathname + search, method, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  });
  server.on('connect', (incoming, client) => {
    asked.push(`CONNECT ${incoming.url}`);
    logins.push(incoming.headers['proxy-authorization']);
    const tunnel = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      tunnel.pipe(client).pipe(tunnel);
    });
    sockets.add(tunnel);
    for (const end of [tunnel, client]) end.on('error', () => {}).on('close', () => tunnel.destroy());
  });
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    logins,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
