import type { Step } from './program.ts';

/** Where a walk through a program begins: outside of subroutines, or at one's first step. */
interface Start {
  readonly index: number;
  readonly subroutine: string | undefined;
}

/** Steps behind which the next one does not run. */
const ends = (step: Step): boolean =>
  step.step === 'goto' ||
  step.step === 'return' ||
  step.step === 'leave function' ||
  (step.step === 'system call' && step.name === 'exit');

/**
 * What is wrong with the ways through a program. The way back from a subroutine is kept in one register, not on the
 * stack, so a subroutine that calls another one, or C code, would return into itself for ever. Labels that do not
 * exist are no concern here.
 */
export function controlFlowProblems(steps: readonly Step[], isStartedByKernel: boolean): string[] {
  const problems = new Set<string>();
  const places = new Map<string, number>();
  for (const [index, step] of steps.entries()) if (step.step === 'label') places.set(step.name, index);

  const walk = ({ index: first, subroutine }: Start): void => {
    const waiting = [first];
    const seen = new Set<number>();
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      if (seen.has(index)) continue;
      seen.add(index);
      const step = steps[index];
      if (step === undefined) {
        problems.add('a way leads off the end');
        continue;
      }
      if (subroutine !== undefined && (step.step === 'call' || step.step === 'call function'))
        problems.add(`subroutine ${subroutine} calls ${step.step === 'call' ? step.to : 'a function'}`);
      if (subroutine === undefined && step.step === 'return') problems.add('a return outside of subroutines');
      if (step.step === 'goto' || step.step === 'if') waiting.push(places.get(step.to) ?? index);
      if (!ends(step)) waiting.push(index + 1);
    }
  };

  const starts: Start[] = isStartedByKernel ? [{ index: 0, subroutine: undefined }] : [];
  for (const [index, step] of steps.entries()) {
    if (step.step === 'enter function') starts.push({ index, subroutine: undefined });
    const called = step.step === 'call' ? places.get(step.to) : undefined;
    if (step.step === 'call' && called !== undefined) starts.push({ index: called, subroutine: step.to });
  }
  for (const start of starts) walk(start);
  return [...problems];
}
