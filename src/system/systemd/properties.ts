import { z } from 'zod';
import type { Bus, WaitOptions } from './bus.ts';

const variant = z.object({ value: z.unknown() });
const properties = z.tuple([z.record(z.string(), variant)]);

/** The properties of one interface of an object, D-Bus variants unwrapped. @throws SdmeError `dbus` */
export async function getProperties(
  bus: Bus,
  at: { readonly destination: string; readonly path: string; readonly of: string },
  options: WaitOptions = {},
): Promise<ReadonlyMap<string, unknown>> {
  const reply = await bus.call(
    {
      destination: at.destination,
      path: at.path,
      interface: 'org.freedesktop.DBus.Properties',
      member: 'GetAll',
      signature: 's',
      body: [at.of],
    },
    options,
  );
  const [values] = properties.parse(reply);
  return new Map(Object.entries(values).map(([key, { value }]) => [key, value]));
}

/** One property of an object. @throws SdmeError `dbus` */
export async function getProperty(
  bus: Bus,
  at: { readonly destination: string; readonly path: string; readonly of: string; readonly name: string },
  options: WaitOptions,
): Promise<unknown> {
  const reply = await bus.call(
    {
      destination: at.destination,
      path: at.path,
      interface: 'org.freedesktop.DBus.Properties',
      member: 'Get',
      signature: 'ss',
      body: [at.of, at.name],
    },
    options,
  );
  return z.tuple([variant]).parse(reply)[0].value;
}
