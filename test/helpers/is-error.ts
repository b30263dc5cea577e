import assert from 'node:assert/strict';
import { SdmeError } from '../../src/base/errors.ts';

/** What checks, for `assert.rejects`, that an error is ours, has that code and says that. */
export function isError(code: string, says: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof SdmeError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, says);
    return true;
  };
}
