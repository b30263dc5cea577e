import { createPrivateKey, createSign, randomBytes, X509Certificate } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestCertificate } from './self-signed.ts';

/** One request a token service saw. */
export interface TokenRequestSeen {
  readonly method: string;
  readonly authorization: string | undefined;
  readonly parameters: URLSearchParams;
}

/** A token service for a real registry (distribution token specification), with one user and one refresh token. */
export interface TokenService extends AsyncDisposable {
  readonly realm: string;
  readonly requests: TokenRequestSeen[];
  /** Seconds a token serves, as the service says and signs it. */
  life: number;
}

export const tokenLogin = { user: 'reader', password: 'p:w', refreshToken: 'refresh-me' } as const;

async function parametersOf(request: IncomingMessage): Promise<URLSearchParams> {
  if (request.method !== 'POST') return new URL(request.url ?? '/', 'http://x').searchParams;
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return new URLSearchParams(body);
}

function signedToken(certificate: TestCertificate, scope: string, life: number): string {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const [type, name, actions] = scope.split(':');
  const now = Math.floor(Date.now() / 1000);
  const x5c = [new X509Certificate(certificate.cert).raw.toString('base64')];
  const claims = {
    iss: 'test-issuer',
    sub: tokenLogin.user,
    aud: 'test-service',
    exp: now + life,
    nbf: now - 30,
    iat: now,
    jti: randomBytes(8).toString('hex'),
    access: [{ type, name, actions: (actions ?? '').split(',') }],
  };
  const text = `${encode({ typ: 'JWT', alg: 'RS256', x5c })}.${encode(claims)}`;
  const signature = createSign('sha256').update(text).sign(createPrivateKey(certificate.key));
  return `${text}.${signature.toString('base64url')}`;
}

/** Starts one on loopback. Who does not log in gets 401. `field` is the name under which it gives tokens. */
export async function startTokenService(
  certificate: TestCertificate,
  field: 'token' | 'access_token' = 'token',
): Promise<TokenService> {
  const requests: TokenRequestSeen[] = [];
  const login = `Basic ${Buffer.from(`${tokenLogin.user}:${tokenLogin.password}`).toString('base64')}`;
  const server = createServer(async (request, response) => {
    const parameters = await parametersOf(request);
    const { authorization } = request.headers;
    requests.push({ method: request.method ?? '', authorization, parameters });
    if (authorization !== login && parameters.get('refresh_token') !== tokenLogin.refreshToken) {
      response.writeHead(401).end('{}');
      return;
    }
    const token = signedToken(certificate, parameters.get('scope') ?? '', service.life);
    response.writeHead(200).end(JSON.stringify({ [field]: token, expires_in: service.life }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const service: TokenService = {
    realm: `http://127.0.0.1:${port}/token`,
    requests,
    life: 300,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return service;
}
