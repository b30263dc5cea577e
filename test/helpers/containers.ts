import assert from 'node:assert/strict';
import { handleContainerCreate } from '../../jobs/container-create.ts';
import { handleContainerRm } from '../../jobs/container-rm.ts';
import { handleContainerStart } from '../../jobs/container-start.ts';
import { handleContainerStop } from '../../jobs/container-stop.ts';
import { handleUidPreshift } from '../../jobs/uid-preshift.ts';
import type { ChildRunner } from '../../src/base/context.ts';
import { type ContainerStartResult, contracts } from '../../src/contracts/index.ts';
import { execCommand } from '../../src/nspawn/exec-command.ts';
import { type ContainerStore, type LoggedContext, loggedContext, output, traces } from './container-host.ts';

/** Containers of one store of the test host, made and ended by the handlers of their jobs. */
export interface Containers extends AsyncDisposable {
  /** Makes a container from the rootfs `debian`, or as `input` says, and gives the lines of the job's log. */
  create(name: string, input?: Record<string, unknown>): Promise<string[]>;
  start(name: string): Promise<ContainerStartResult>;
  stop(name: string): Promise<void>;
  /** Removes a container and checks that no trace is left of it. */
  remove(name: string): Promise<void>;
  /** Standard output of a command run inside. */
  inside(name: string, ...command: string[]): Promise<string>;
}

/** A context whose one kind of child is run by its handler, as a worker would run it. */
export function withChildren(store: ContainerStore): LoggedContext {
  const { ctx, lines } = loggedContext();
  const child: ChildRunner['child'] = (request) => {
    const input = contracts['uid.preshift'].input.parse(request.input);
    return handleUidPreshift(ctx, input, store);
  };
  return { ctx: { ...ctx, child }, lines };
}

/** The containers of a store; those still there are removed on disposal. */
export function containersOf(store: ContainerStore): Containers {
  const made = new Set<string>();
  const containers: Containers = {
    async create(name, input = {}) {
      const { ctx, lines } = withChildren(store);
      const parsed = contracts['container.create'].input.parse({ name, rootfs: 'debian', ...input });
      made.add(name);
      await handleContainerCreate(ctx, parsed, store);
      return lines;
    },
    start(name) {
      return handleContainerStart(withChildren(store).ctx, { name, timeout: 60 }, store);
    },
    async stop(name) {
      await handleContainerStop(loggedContext().ctx, { name, mode: 'graceful' }, store);
    },
    async remove(name) {
      await handleContainerRm(loggedContext().ctx, { name }, store);
      made.delete(name);
      assert.deepEqual(await traces(store.layout, name), []);
    },
    inside(name, ...command) {
      const { program, args } = execCommand({ container: name, command });
      return output(program, ...args);
    },
    async [Symbol.asyncDispose]() {
      // A container that was never made has nothing to remove.
      for (const name of made) await containers.remove(name).catch(() => undefined);
    },
  };
  return containers;
}
