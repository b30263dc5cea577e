import type { Session } from './session.ts';

/** What completion offers for an operand. */
export type Completes =
  | 'container'
  | 'rootfs'
  | 'job'
  | 'batch'
  | 'kind'
  | 'setting'
  | 'shell'
  | 'file'
  | 'nothing';

/** One option, in commander's notation, e.g. `-r, --fs <name>`. */
export interface OptionSpec {
  readonly flags: string;
  readonly description: string;
  /** May be given several times; the values are collected. */
  readonly repeat?: boolean;
  /** Behind the first operand, a word that stands between it and `--` is its value: `exec web --oci app -- ls`. */
  readonly mayName?: boolean;
  readonly choices?: readonly string[];
  readonly completes?: Completes;
}

/** How a verb is called, before anything of it is loaded. */
export interface VerbSpec {
  /** The words that call it, e.g. `fs import`. */
  readonly words: string;
  readonly summary: string;
  /** Longer text of its help. */
  readonly details?: string;
  /** Operands in commander's notation, e.g. `<name> [command...]`. */
  readonly operands?: string;
  readonly completes?: Completes;
  readonly options?: readonly OptionSpec[];
  /** Whole command lines that show how it is used; tests parse every one. */
  readonly examples: readonly string[];
  /**
   * Whose the words behind the first operand are: `after-name` gives them to a command, hyphens and all, but for
   * the verb's own flags that come first; `after-dashes` only those behind `--`.
   */
  readonly command?: 'after-name' | 'after-dashes';
  /** May be called by anyone. */
  readonly withoutRoot?: boolean;
  /** Kept out of help and completion. */
  readonly hidden?: boolean;
  readonly load: () => Promise<{ readonly run: VerbRun }>;
}

/** One call of a verb, as the command line gave it. */
export interface Invocation {
  readonly operands: readonly string[];
  /** The words of a command to run; empty for verbs that take none. */
  readonly command: readonly string[];
  /** Options as commander collected them; each verb parses them with its own schema. */
  readonly options: unknown;
  readonly session: Session;
}

/** Carries a verb out. @returns the exit code */
export type VerbRun = (invocation: Invocation) => Promise<number>;
