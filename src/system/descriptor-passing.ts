import { SdmeError } from '../base/errors.ts';
import { checked } from './failure.ts';
import {
  AF_UNIX,
  MSG_CMSG_CLOEXEC,
  MSG_CTRUNC,
  MSG_NOSIGNAL,
  MSG_TRUNC,
  SCM_RIGHTS,
  SOCK_CLOEXEC,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_SOCKET,
} from './ffi/constants.ts';
import { libc } from './ffi/libc.ts';

/*
 * Messages that carry an open file to another process, unix(7) SCM_RIGHTS: the receiver gets the file without any
 * path to it. Sequenced packets keep the message borders.
 */

/** struct cmsghdr and one descriptor, on 64-bit machines: CMSG_LEN(4) is 20, CMSG_SPACE(4) is 24. */
const controlLength = 20;
const controlSpace = 24;
const maxMessage = 64 * 1024;

/** Two connected sockets that keep message borders, close-on-exec. */
export function packetPair(): [number, number] {
  return socketPair(SOCK_SEQPACKET);
}

/** Two connected sockets for a stream of bytes, close-on-exec. */
export function streamPair(): [number, number] {
  return socketPair(SOCK_STREAM);
}

function socketPair(type: number): [number, number] {
  const fds = Buffer.alloc(8);
  const result = libc().socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds);
  checked('socketpair', result, () => 'cannot make a pair of sockets');
  return [fds.readInt32LE(0), fds.readInt32LE(4)];
}

/** struct msghdr with one piece of data and room for control data. All buffers must be kept until the call is over. */
function messageHeader(data: Buffer, vector: Buffer, control: Buffer | undefined): Buffer {
  vector.writeBigUInt64LE(libc().address(data), 0);
  vector.writeBigUInt64LE(BigInt(data.length), 8);
  const header = Buffer.alloc(56);
  header.writeBigUInt64LE(libc().address(vector), 16);
  header.writeBigUInt64LE(1n, 24);
  if (control !== undefined) {
    header.writeBigUInt64LE(libc().address(control), 32);
    header.writeBigUInt64LE(BigInt(control.length), 40);
  }
  return header;
}

/** Sends a text, and a descriptor with it. The caller keeps its own descriptor. @throws SdmeError `syscall` (EPIPE) */
export function sendPacket(socket: number, text: string, fd?: number): void {
  const data = Buffer.from(text);
  if (data.length > maxMessage) throw new SdmeError('internal', 'a message to a child is too large');
  const vector = Buffer.alloc(16);
  const control = Buffer.alloc(controlSpace);
  if (fd !== undefined) {
    control.writeBigUInt64LE(BigInt(controlLength), 0);
    control.writeInt32LE(SOL_SOCKET, 8);
    control.writeInt32LE(SCM_RIGHTS, 12);
    control.writeInt32LE(fd, 16);
  }
  const header = messageHeader(data, vector, fd === undefined ? undefined : control);
  checked('sendmsg', libc().sendmsg(socket, header, MSG_NOSIGNAL), () => 'cannot talk to a child');
}

/** Waits for the next message, holding this thread; undefined when the other side is closed. */
export function receivePacket(socket: number): { text: string; fd: number | undefined } | undefined {
  const data = Buffer.alloc(maxMessage);
  const vector = Buffer.alloc(16);
  const control = Buffer.alloc(controlSpace);
  const header = messageHeader(data, vector, control);
  const result = libc().recvmsg(socket, header, MSG_CMSG_CLOEXEC);
  const length = checked('recvmsg', result, () => 'cannot hear the parent');
  if (length === 0) return undefined;
  const flags = header.readInt32LE(48);
  const hasFd = header.readBigUInt64LE(40) >= BigInt(controlLength);
  const fd = hasFd && control.readInt32LE(12) === SCM_RIGHTS ? control.readInt32LE(16) : undefined;
  if ((flags & (MSG_CTRUNC | MSG_TRUNC)) !== 0) throw new SdmeError('internal', 'a message was cut');
  return { text: data.toString('utf8', 0, length), fd };
}
