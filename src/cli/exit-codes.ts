/**
 * Exit codes of the command line; docs/cli.md lists them and a test compares the two. A command run by `exec`,
 * `join` or `new` gives its own code instead.
 */
export const exitCodes = {
  success: { code: 0, meaning: 'done' },
  failure: { code: 1, meaning: 'it failed; the reason is on standard error' },
  usage: { code: 2, meaning: 'the command line is not understood' },
  someFailed: { code: 3, meaning: '`batch wait`: some jobs of the batch did not succeed' },
  noneSucceeded: { code: 4, meaning: '`batch wait`: no job of the batch succeeded' },
  timeout: { code: 124, meaning: 'a `--timeout` of `job wait` or `batch wait` passed; the jobs go on' },
  interrupted: { code: 130, meaning: 'ended by Ctrl-C; the job it waited for was cancelled (SIGTERM: 143)' },
} as const;
