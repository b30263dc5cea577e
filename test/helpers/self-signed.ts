import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A certificate of one test and its key, PEM. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Makes one with openssl for the names, e.g. `IP:127.0.0.1`; its files stay in `dir`. */
export function selfSigned(dir: string, names: string, label = 'tls', rsa = false): TestCertificate {
  const key = join(dir, `${label}.key.pem`);
  const cert = join(dir, `${label}.cert.pem`);
  const subject = ['-subj', '/CN=sdme test', '-addext', `subjectAltName=${names}`, '-days', '2'];
  const kind = rsa ? ['-newkey', 'rsa:2048'] : ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const made = [...kind, '-nodes', '-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', '-x509', ...made, ...subject], { stdio: 'ignore' });
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}
