import { type Document, isNode, isSeq, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { describeError, SdmeError } from '../../base/errors.ts';
import { type InputOf, inferRootfsName } from '../../contracts/index.ts';
import { type ImportOptions, importInput } from './import-options.ts';

/** The most imports of one batch. */
export const batchMost = 10_000;

const lineOptions = z.strictObject({
  force: z.boolean().optional(),
  installPackages: z.enum(['auto', 'yes', 'no']).optional(),
  ociMode: z.enum(['auto', 'base', 'app']).optional(),
  baseFs: z.string().optional(),
  cache: z.boolean().optional(),
  platform: z.string().optional(),
});
/** One import of a batch file, and the line it stands on. */
export interface BatchLine {
  readonly line: number;
  readonly source: string;
  readonly name?: string;
  readonly options: z.output<typeof lineOptions>;
}

const entry = z.strictObject(
  { source: z.string(), name: z.string().optional(), options: lineOptions.optional() },
  {
    error: (issue) => (issue.code === 'invalid_type' ? 'expected a source, or a map with source' : undefined),
  },
);

/** True for a YAML list: its first line that says something begins with `- `, `[` or `---`. */
function isYaml(text: string): boolean {
  const first = text.split('\n').find((line) => line.trim() !== '' && !line.trim().startsWith('#'));
  return first !== undefined && /^(---|- |-$|\[)/.test(first);
}

function parseLines(text: string): BatchLine[] {
  const lines: BatchLine[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const source = raw.trim();
    if (source !== '' && !source.startsWith('#')) lines.push({ line: index + 1, source, options: {} });
  }
  return lines;
}

/** What is wrong with an entry, each problem with the key it is about. */
function entryProblem({ issues }: z.ZodError): string {
  return issues
    .map(({ path, message }) => [path.join('.'), message].filter((part) => part !== '').join(': '))
    .join('; ');
}

function parseEntry(
  item: unknown,
  document: Document,
): { entry: z.output<typeof entry> } | { problem: string } {
  try {
    // Aliases are refused: a few lines of them could stand for any amount of memory.
    const value: unknown = isNode(item) ? item.toJS(document, { maxAliasCount: 0 }) : item;
    const parsed = entry.safeParse(typeof value === 'string' ? { source: value } : value);
    return parsed.success ? { entry: parsed.data } : { problem: entryProblem(parsed.error) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function parseYaml(text: string): { lines: BatchLine[]; problems: string[] } {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter });
  const problems = document.errors.map(({ message }) => message.split('\n')[0] ?? message);
  if (problems.length > 0) return { lines: [], problems };
  if (!isSeq(document.contents)) return { lines: [], problems: ['line 1: expected a list of sources'] };
  const lines: BatchLine[] = [];
  for (const item of document.contents.items) {
    const line = isNode(item) && item.range ? lineCounter.linePos(item.range[0]).line : 1;
    const parsed = parseEntry(item, document);
    if ('problem' in parsed) problems.push(`line ${line}: ${parsed.problem}`);
    else {
      const { source, name, options: given } = parsed.entry;
      lines.push({ line, source, ...(name === undefined ? {} : { name }), options: given ?? {} });
    }
  }
  return { lines, problems };
}

function duplicateProblems(inputs: readonly { line: number; name: string }[]): string[] {
  const first = new Map<string, number>();
  const problems: string[] = [];
  for (const { line, name } of inputs) {
    const before = first.get(name);
    if (before === undefined) first.set(name, line);
    else
      problems.push(
        `line ${line}: the name '${name}' is that of line ${before} too; name one of them otherwise`,
      );
  }
  return problems;
}

/**
 * The imports of a batch file: one source a line (`#` begins a comment), or a YAML list of sources or of
 * `source`, `name`, `options`. All of it is checked; nothing is submitted when anything is wrong.
 *
 * @param defaults options of every import that its own do not override
 * @throws SdmeError `input.invalid` with every problem and its line
 */
export function parseBatchFile(text: string, defaults: ImportOptions, cwd: string): InputOf<'fs.import'>[] {
  const { lines, problems } = isYaml(text) ? parseYaml(text) : { lines: parseLines(text), problems: [] };
  if (lines.length > batchMost)
    problems.push(`${lines.length} sources are more than the ${batchMost} of one batch`);
  const checked: { line: number; name: string; input: InputOf<'fs.import'> }[] = [];
  for (const { line, source, name, options: own } of lines.slice(0, batchMost)) {
    try {
      const input = importInput(
        source,
        name ?? inferRootfsName(source, 'name it in a batch written in YAML'),
        { ...defaults, ...own, cache: own.cache ?? defaults.cache },
        cwd,
      );
      checked.push({ line, name: input.name, input });
    } catch (error) {
      problems.push(`line ${line}: ${describeError(error)}`);
    }
  }
  problems.push(...duplicateProblems(checked));
  if (problems.length === 0 && checked.length === 0) problems.push('it names no source');
  if (problems.length > 0) {
    const shown = problems.slice(0, 20);
    const more = problems.length > shown.length ? `\n  and ${problems.length - shown.length} more` : '';
    throw new SdmeError(
      'input.invalid',
      `the batch is not valid, nothing was submitted:\n  ${shown.join('\n  ')}${more}`,
    );
  }
  return checked.map(({ input }) => input);
}
