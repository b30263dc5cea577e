import { z } from 'zod';
import { SdmeError } from '../base/errors.ts';

/** The longest text a job input holds in one field. */
const maxText = 4096;

/** A text field in the form that `parse` gives it; what `parse` throws becomes the field's problem. */
export function parsedText<Value>(parse: (text: string) => Value): z.ZodType<Value, string> {
  return z
    .string()
    .max(maxText)
    .transform((text, context): Value => {
      try {
        return parse(text);
      } catch (error) {
        if (!(error instanceof SdmeError)) throw error;
        context.addIssue({ code: 'custom', message: error.message });
        return z.NEVER;
      }
    });
}
