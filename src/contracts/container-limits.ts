import { SdmeError } from '../base/errors.ts';
import { parseSize } from '../base/sizes.ts';

function invalid(message: string): SdmeError {
  return new SdmeError('input.invalid', message);
}

const suffixes: readonly string[] = ['', 'K', 'M', 'G', 'T'];
/** Bytes from which on the kernel takes a limit for none; systemd drops one beyond 64 bits, and then there is none. */
const noLimit = 2n ** 63n;

/** A memory limit as systemd takes it, e.g. `512M`: an integer and one of K M G T (contract 1.2). */
export function parseMemory(text: string): string {
  const match = /^([0-9]+)([A-Za-z]*)$/.exec(text);
  const digits = match?.[1];
  if (digits === undefined || BigInt(digits) === 0n || digits.length > 15) {
    throw invalid(`invalid --memory value: ${JSON.stringify(text)}`);
  }
  const suffix = (match?.[2] ?? '').toUpperCase();
  if (!suffixes.includes(suffix)) {
    throw invalid(`invalid --memory suffix: ${JSON.stringify(match?.[2])}; use K, M, G or T`);
  }
  if (BigInt(digits) * 1024n ** BigInt(suffixes.indexOf(suffix)) >= noLimit) {
    throw invalid(
      `invalid --memory value: ${JSON.stringify(text)} is more than 8388607T, the most that can be limited`,
    );
  }
  return `${digits}${suffix}`;
}

/** A number of processors, e.g. `1.5`, as given (contract 1.2). One hundredth is the least that a quota can say. */
export function parseCpus(text: string): string {
  if (!/^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)$/.test(text) || text.includes('\n') || text.length > 16) {
    throw invalid(`invalid --cpus value: ${JSON.stringify(text)}`);
  }
  const cpus = Number(text);
  if (cpus <= 0) throw invalid(`--cpus must be positive: ${JSON.stringify(text)}`);
  if (Math.round(cpus * 100) < 1 || cpus > 100_000) {
    throw invalid(`invalid --cpus value: ${JSON.stringify(text)} is not between 0.01 and 100000`);
  }
  return text;
}

/** A cgroup CPU weight, 1 to 10000 (contract 1.2; systemd.resource-control(5), CPUWeight=). */
export function parseCpuWeight(text: string): string {
  if (!/^[0-9]{1,9}$/.test(text) || text.includes('\n')) {
    throw invalid(`invalid --cpu-weight value: ${JSON.stringify(text)}`);
  }
  const weight = Number(text);
  if (weight < 1 || weight > 10_000) throw invalid(`--cpu-weight must be 1-10000: ${JSON.stringify(text)}`);
  return String(weight);
}

/** A disk limit of at least 16M (contract 1.2). */
export function parseDisk(text: string): string {
  if (parseSize(text) < 16 * 1024 * 1024)
    throw invalid(`--disk must be at least 16M: ${JSON.stringify(text)}`);
  return text.toUpperCase();
}
