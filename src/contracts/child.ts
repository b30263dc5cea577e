import type { ChildRunner } from '../base/context.ts';
import { SdmeError } from '../base/errors.ts';
import type { Contract } from './contract.ts';

/**
 * Runs a job of a kind as a child of the job `ctx` belongs to; its checked result. `name` is the child's among its
 * parent's children. @throws SdmeError as {@link ChildRunner.child} does
 */
export async function runChild<Input, Result>(
  ctx: ChildRunner,
  contract: Pick<Contract<string, Input, Result>, 'kind' | 'result'>,
  name: string,
  input: Input,
): Promise<Result> {
  const result = contract.result.safeParse(await ctx.child({ name, kind: contract.kind, input }));
  if (result.success) return result.data;
  throw new SdmeError('internal', `the child ${name} gave a result that no ${contract.kind} job gives`, {
    cause: result.error,
  });
}
