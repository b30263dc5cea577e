import type { VerbSpec } from '../verb.ts';
import { detachOptionSpec, listingOptionSpecs } from './common-option-specs.ts';

/** Verbs for the configuration (contract 1.12), and the version. */
export const configVerbs: readonly VerbSpec[] = [
  {
    words: 'config get',
    summary: 'show the settings in force',
    operands: '[key]',
    completes: 'setting',
    options: listingOptionSpecs,
    examples: ['sdme config get', 'sdme config get oci_cache_max_size'],
    load: () => import('./config-get.ts'),
  },
  {
    words: 'config set',
    summary: 'change a setting in the configuration file',
    operands: '<key> <value>',
    completes: 'setting',
    examples: ['sdme config set boot_timeout 120', 'sdme config set auto_fs_gc no'],
    load: () => import('./config-set.ts'),
  },
  {
    words: 'config apparmor-profile',
    summary: 'print the AppArmor profile of the strict tier, or install it',
    details:
      'With --install it is written to /etc/apparmor.d/sdme-default and loaded, now and at every boot of the host.\n' +
      'Where apparmor_parser refuses it, or the kernel has no AppArmor, nothing is written.',
    options: [
      { flags: '--install', description: 'write the profile to /etc/apparmor.d and load it (needs root)' },
      detachOptionSpec,
    ],
    withoutRoot: true,
    examples: ['sdme config apparmor-profile', 'sdme config apparmor-profile --install'],
    load: () => import('./config-apparmor-profile.ts'),
  },
  {
    words: 'config completions',
    summary: 'print the completion script of bash, zsh or fish',
    operands: '<shell>',
    completes: 'shell',
    withoutRoot: true,
    examples: ['sdme config completions bash'],
    load: () => import('./config-completions.ts'),
  },
  {
    words: 'version',
    summary: 'print the version',
    withoutRoot: true,
    examples: ['sdme version'],
    load: () => import('./version.ts'),
  },
];
