import type { VerbSpec } from './verb.ts';
import { batchVerbs } from './verbs/table-batch.ts';
import { configVerbs } from './verbs/table-config.ts';
import { containerVerbs } from './verbs/table-containers.ts';
import { fsVerbs } from './verbs/table-fs.ts';
import { jobVerbs } from './verbs/table-jobs.ts';

/** Groups of verbs in the order of the help. */
export const verbGroups: readonly { readonly title: string; readonly verbs: readonly VerbSpec[] }[] = [
  { title: 'Containers', verbs: containerVerbs },
  { title: 'Root filesystems', verbs: fsVerbs },
  { title: 'Jobs', verbs: jobVerbs },
  { title: 'Batches', verbs: batchVerbs },
  { title: 'Configuration and help', verbs: configVerbs },
];

/** Every verb. */
export const verbs: readonly VerbSpec[] = verbGroups.flatMap((group) => group.verbs);
