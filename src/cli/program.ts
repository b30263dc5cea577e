import { Command, CommanderError, Option } from 'commander';
import { SdmeError } from '../base/errors.ts';
import { exitCodes } from './exit-codes.ts';
import { hiddenVerbs } from './hidden-verbs.ts';
import { takeOwnFlags } from './parse/own-flags.ts';
import type { OptionSpec, VerbSpec } from './verb.ts';
import { verbGroups, verbs } from './verbs.ts';

/** What the command line asks for. */
export interface Call {
  readonly verb: VerbSpec;
  readonly operands: readonly string[];
  /** The words of a command to run, see {@link VerbSpec.command}. */
  readonly command: readonly string[];
  /** The verb's own options, without the global ones. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly verbose: boolean;
  readonly configFile: string | undefined;
}

export type Parsed =
  | { readonly kind: 'call'; readonly call: Call }
  /** Help or version was printed, or the usage error; the exit code that fits. */
  | { readonly kind: 'over'; readonly code: number };

const collect = (value: string, before: readonly string[] | undefined): string[] => [
  ...(before ?? []),
  value,
];

function optionOf(spec: OptionSpec): Option {
  const option = new Option(spec.flags, spec.description);
  // Some choices may be joined by commas, so a repeated option checks its own words.
  if (spec.choices !== undefined && spec.repeat !== true) option.choices([...spec.choices]);
  if (spec.repeat === true) option.argParser(collect);
  return option;
}

function addGlobalOptions(command: Command): Command {
  return command
    .option('-v, --verbose', 'say more: program output, stack traces')
    .option('--config <file>', 'configuration file (default: /etc/sdme.conf)');
}

const capitalised = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);
const indented = (lines: readonly string[]): string => lines.map((line) => `  ${line}`).join('\n');

type Words = Pick<Call, 'operands' | 'command' | 'options'>;

/** Tells a verb's operands from the words of a command. `dashed`: how many words stand behind `--`. */
function splitWords(
  verb: VerbSpec,
  words: readonly string[],
  options: Call['options'],
  dashed: number,
): Words {
  switch (verb.command) {
    case undefined:
      return { operands: words, command: [], options };
    case 'after-name': {
      const own = takeOwnFlags(words.slice(1), verb.options ?? []);
      return {
        operands: words.slice(0, 1),
        command: own.command,
        options: { ...options, ...own.options },
      };
    }
    case 'after-dashes': {
      const operands = words.slice(0, words.length - dashed);
      return { operands, command: words.slice(words.length - dashed), options };
    }
    default:
      return verb.command satisfies never;
  }
}

type Take = (verb: VerbSpec, command: Command) => void;

/** What a usage error of a command says last. */
const seeHelp = (words: string): string => `see \`sdme ${words === '' ? '' : `${words} `}--help\``;

function leaf(parent: Command, name: string, verb: VerbSpec, take: Take): void {
  const command = parent.command(name, verb.hidden === true ? { hidden: true } : {});
  command.summary(verb.summary).description(capitalised(verb.summary));
  command.showHelpAfterError(seeHelp(verb.words));
  if (verb.operands !== undefined) command.arguments(verb.operands);
  for (const spec of verb.options ?? []) command.addOption(optionOf(spec));
  addGlobalOptions(command);
  if (verb.command === 'after-name') command.passThroughOptions();
  if (verb.details !== undefined) command.addHelpText('after', `\n${verb.details}`);
  if (verb.examples.length > 0) command.addHelpText('after', `\nExamples:\n${indented(verb.examples)}`);
  command.action(() => take(verb, command));
}

const groupSummaries: Readonly<Record<string, string>> = {
  fs: 'root filesystems: import, list, remove',
  'fs cache': 'the cache of image blobs',
  job: 'jobs: list, show, follow, cancel, run again',
  batch: 'many imports as one',
  security: 'what keeps containers from their host',
  config: 'settings, and completion for shells',
};

/** The first example of each verb of a group. */
function firstExamples(path: string): string[] {
  const inGroup = verbs.filter(({ words }) => words.startsWith(`${path} `));
  return inGroup.flatMap(({ examples }) => examples.slice(0, 1));
}

/** The command that holds a group of verbs, e.g. `fs cache`, made when first needed. */
function groupCommand(program: Command, groups: Map<string, Command>, words: readonly string[]): Command {
  let parent = program;
  for (const [index, word] of words.entries()) {
    const path = words.slice(0, index + 1).join(' ');
    const known = groups.get(path);
    const group =
      known ??
      parent
        .command(word)
        .summary(groupSummaries[path] ?? '')
        .description(capitalised(groupSummaries[path] ?? ''))
        .showHelpAfterError(seeHelp(path));
    if (known === undefined) {
      addGlobalOptions(group.helpCommand(false));
      group.addHelpText('after', `\nExamples:\n${indented(firstExamples(path))}`);
    }
    groups.set(path, group);
    parent = group;
  }
  return parent;
}

const intro = `
Examples:
  sdme fs import docker.io/library/debian:trixie   import an image as a rootfs
  sdme create web -r debian --started              make a container from it and boot it
  sdme exec web -- systemctl is-system-running     run a command inside
  sdme ps                                          see what runs
  sdme job ls                                      see what was done, and how it went

Everything that takes long or changes something is a job: add --detach to get its id at once, and follow it
with \`sdme job watch ID\`. \`sdme help VERB\` and \`sdme VERB --help\` show examples of each verb.`;

/** `help fs import` in the words that commander knows, `fs import --help`. @throws SdmeError `usage` */
function withHelpAsFlag(argv: readonly string[]): readonly string[] {
  if (argv[0] !== 'help') return argv;
  const asked = argv.slice(1).filter((word) => !word.startsWith('-'));
  const path = asked.map((word) => `${word} `).join('');
  if (!verbs.some(({ words }) => `${words} `.startsWith(path))) {
    throw new SdmeError('usage', `there is no command '${asked.join(' ')}'; \`sdme help\` lists them all`);
  }
  return [...asked, '--help'];
}

/** The whole command line, as commander knows it. */
export function buildProgram(version: string, take: Take): Command {
  const program = new Command('sdme');
  program
    .description('Containers with a full systemd inside, made from images; every change is a queued job.')
    .version(version, '-V, --version', 'print the version')
    .helpCommand('help [verb...]', 'show the help of a verb')
    .enablePositionalOptions()
    .showHelpAfterError(seeHelp(''))
    .exitOverride()
    .addHelpText('after', intro);
  addGlobalOptions(program);
  const groups = new Map<string, Command>();
  for (const { title, verbs } of verbGroups) {
    program.commandsGroup(`${title}:`);
    for (const verb of verbs) {
      const words = verb.words.split(' ');
      const parent = groupCommand(program, groups, words.slice(0, -1));
      leaf(parent, words.at(-1) ?? '', verb, take);
    }
  }
  for (const verb of hiddenVerbs) leaf(program, verb.words, verb, take);
  return program;
}

/** Reads a command line, without the interpreter's own words. Prints help, version and usage errors itself. */
export function parseCommandLine(argv: readonly string[], version: string): Parsed {
  const dashes = argv.indexOf('--');
  const dashed = dashes < 0 ? 0 : argv.length - dashes - 1;
  let call: Call | undefined;
  const program = buildProgram(version, (verb, command) => {
    const { verbose, config, ...options } = command.optsWithGlobals<Record<string, unknown>>();
    call = {
      verb,
      ...splitWords(verb, command.args, options, dashed),
      verbose: verbose === true,
      configFile: typeof config === 'string' ? config : undefined,
    };
  });
  try {
    program.parse([...withHelpAsFlag(argv)], { from: 'user' });
  } catch (error) {
    if (error instanceof SdmeError && error.code === 'usage') {
      process.stderr.write(`error: ${error.message}\n`);
      return { kind: 'over', code: exitCodes.usage.code };
    }
    if (!(error instanceof CommanderError)) throw error;
    return { kind: 'over', code: error.exitCode === 0 ? 0 : exitCodes.usage.code };
  }
  return call === undefined ? { kind: 'over', code: exitCodes.usage.code } : { kind: 'call', call };
}
