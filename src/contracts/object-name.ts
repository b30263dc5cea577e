import { z } from 'zod';
import { nameProblem } from '../base/names.ts';

/** An object's name as job inputs hold it; refused with the rule it breaks (contract 1.1). */
export const objectName = z.string().superRefine((name, context) => {
  const problem = nameProblem(name);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});
