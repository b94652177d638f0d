/** Tells a person what is being done and how long it took. */
export interface Steps {
  /** Runs one step; its line appears when it is done, or is marked as failed. */
  step<T>(name: string, run: () => Promise<T>): Promise<T>;
  /** Seconds since the first step began. */
  elapsed(): string;
}

/** Steps whose lines go to `print`, which gets them without a line feed. */
export function createSteps(print: (line: string) => void): Steps {
  const began = performance.now();
  const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1).padStart(6)} s`;
  return {
    async step(name, run) {
      const start = performance.now();
      try {
        const result = await run();
        print(`${seconds(start)}  ${name}`);
        return result;
      } catch (error) {
        print(`${seconds(start)}  ${name}: failed`);
        throw error;
      }
    },
    elapsed: () => seconds(began).trim(),
  };
}
