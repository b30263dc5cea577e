/**
 * The answer of a question about a key, or `otherwise` when something of another type lies under it: Redis refuses
 * such a question, and what others wrote over one job must not keep us from the rest.
 */
export async function unlessWrongType<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return otherwise;
    throw error;
  }
}
