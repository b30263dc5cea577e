import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** How a registry of one test is set up. */
export interface DockerRegistryOptions {
  /** Its password file, as `htpasswd -B` writes it. */
  readonly htpasswd?: string;
  /** Tokens of a service of the test's own. */
  readonly token?: {
    readonly realm: string;
    readonly service: string;
    readonly issuer: string;
    /** PEM of the certificate whose key signs the tokens. */
    readonly certificate: string;
  };
  readonly tls?: { readonly certificate: string; readonly key: string };
}

/** A real registry (Debian package docker-registry) on loopback, with its data in a directory of its own. */
export interface DockerRegistry extends AsyncDisposable {
  readonly port: number;
  /** `127.0.0.1:<port>` */
  readonly host: string;
  /** Ends the server as a crash would; its data stays. */
  kill(): Promise<void>;
  /** Starts it again on the same port over the same data. */
  start(): Promise<void>;
}

/** Why registry tests cannot run here, or undefined. */
export function registryMissing(): string | undefined {
  try {
    execFileSync('docker-registry', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'docker-registry is not installed (apt-get install docker-registry)';
  }
}

async function configFor(dir: string, port: number, options: DockerRegistryOptions): Promise<string> {
  const auth: Record<string, unknown> = {};
  if (options.htpasswd !== undefined) {
    await writeFile(join(dir, 'htpasswd'), options.htpasswd);
    auth.htpasswd = { realm: 'test', path: join(dir, 'htpasswd') };
  }
  if (options.token !== undefined) {
    const { certificate, ...token } = options.token;
    await writeFile(join(dir, 'token.crt'), certificate);
    auth.token = { ...token, rootcertbundle: join(dir, 'token.crt') };
  }
  const http: Record<string, unknown> = { addr: `127.0.0.1:${port}`, secret: 'of one test' };
  if (options.tls !== undefined) {
    await writeFile(join(dir, 'tls.crt'), options.tls.certificate);
    await writeFile(join(dir, 'tls.key'), options.tls.key);
    http.tls = { certificate: join(dir, 'tls.crt'), key: join(dir, 'tls.key') };
  }
  // JSON is YAML.
  return JSON.stringify({
    version: 0.1,
    log: { level: 'info', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(dir, 'data') }, delete: { enabled: true } },
    http,
    ...(Object.keys(auth).length === 0 ? {} : { auth }),
  });
}

/** Starts a registry on a free port and waits until it listens. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const dir = await mkdtemp(join(tmpdir(), 'sdme-registry-'));
  const config = join(dir, 'config.json');
  let port = 0;
  let end: (() => Promise<void>) | undefined;
  const start = async (): Promise<void> => {
    await writeFile(config, await configFor(dir, port, options));
    // It ends with the test's process, however that ends.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'docker-registry', 'serve', config], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    end = async () => {
      end = undefined;
      child.kill('SIGKILL');
      await gone;
    };
    port = await new Promise<number>((resolve, reject) => {
      const said: string[] = [];
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`docker-registry ended: ${said.slice(-3).join('\n')}`)));
      createInterface({ input: child.stderr }).on('line', (line) => {
        said.push(line);
        const match = /listening on 127\.0\.0\.1:([0-9]+)/.exec(line);
        if (match?.[1] !== undefined) resolve(Number(match[1]));
      });
    });
  };
  await start();
  return {
    port,
    host: `127.0.0.1:${port}`,
    kill: async () => end?.(),
    start,
    [Symbol.asyncDispose]: async () => {
      await end?.();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
