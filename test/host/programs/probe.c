/*
 * Attempts at what a container must not do, each in a form that harms nothing where it succeeds: files are opened and
 * closed, signals are 0, system calls that would change something get arguments they refuse after the check of rights.
 *
 *   probe [nested:]ATTEMPT[=ARGUMENT]…   prints a line `ATTEMPT RESULT` each, RESULT being `done` or the name of an errno
 *
 * `nested:` makes the attempt from a user namespace of its own, in which it has all capabilities.
 *
 * Static, so that it runs in any tree. Exits 0 whatever became of the attempts, 2 for one it does not know.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/keyctl.h>
#include <linux/loop.h>
#include <linux/nsfs.h>
#include <linux/perf_event.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* An attempt gives 0, or -1 with errno. */
typedef long attempt(const char *argument);

static long number(const char *text) { return text ? strtol(text, NULL, 10) : 0; }

/* An open file proves the attempt; nothing is read or written. */
static long opened(int fd) { return fd < 0 ? -1 : close(fd); }

static long open_read(const char *path) { return opened(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)); }
static long open_write(const char *path) { return opened(open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)); }

/* `MAJOR:MINOR` of a block device: makes a node of it, opens it and takes it away again. */
static long device_node(const char *text) {
  unsigned major_number = 0, minor_number = 0;
  char path[64];
  long result;
  if (!text || sscanf(text, "%u:%u", &major_number, &minor_number) != 2) { errno = EINVAL; return -1; }
  snprintf(path, sizeof path, "./probe-node-%d", getpid());
  if (mknod(path, S_IFBLK | 0600, makedev(major_number, minor_number)) != 0) return -1;
  result = open_read(path);
  int saved = errno;
  unlink(path);
  errno = saved;
  return result;
}

static long unmounted(const char *target, long result) {
  int saved = errno;
  if (result == 0) umount2(target, MNT_DETACH);
  rmdir(target);
  errno = saved;
  return result;
}

/* `SOURCE`: a block device, mounted read-only. */
static long mount_device(const char *source) {
  char target[] = "./probe-mount-XXXXXX";
  if (!mkdtemp(target)) return -1;
  return unmounted(target, mount(source, target, "ext4", MS_RDONLY | MS_NOSUID | MS_NODEV, NULL));
}

static long mount_kind(const char *kind) {
  char target[] = "./probe-mount-XXXXXX";
  if (!mkdtemp(target)) return -1;
  return unmounted(target, mount("none", target, kind, MS_NOSUID | MS_NODEV, NULL));
}

/* `PATH` below a procfs of its own, over which nobody has laid anything. */
static long new_proc_write(const char *path) {
  char target[] = "./probe-proc-XXXXXX", file[256];
  if (!path || !mkdtemp(target)) return -1;
  snprintf(file, sizeof file, "%s/%s", target, path);
  long result = mount("proc", target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  int mounted = result == 0;
  if (mounted) result = open_write(file);
  int saved = errno;
  if (mounted) umount2(target, MNT_DETACH);
  rmdir(target);
  errno = saved;
  return result;
}

/* Flags and segments that no kernel takes, checked after CAP_SYS_BOOT. */
static long kexec(const char *unused) { (void)unused; return syscall(SYS_kexec_load, 0L, 99999L, NULL, 0xffffL); }
static long kexec_file(const char *unused) { (void)unused; return syscall(SYS_kexec_file_load, -1, -1, 0L, NULL, 0xffffffffL); }
static long module_load(const char *unused) { (void)unused; return syscall(SYS_init_module, NULL, 0L, ""); }
static long module_load_file(const char *unused) { (void)unused; return syscall(SYS_finit_module, -1, "", 0); }
static long module_unload(const char *unused) { (void)unused; return syscall(SYS_delete_module, "sdme-no-such-module", O_NONBLOCK); }

static long signal_process(const char *pid) { return kill((pid_t)number(pid), 0); }
static long trace_process(const char *pid) { return ptrace(PTRACE_SEIZE, (pid_t)number(pid), NULL, NULL); }
static long read_memory(const char *pid) {
  char byte;
  struct iovec local = {&byte, 1}, remote = {(void *)(uintptr_t)0x400000, 1};
  return process_vm_readv((pid_t)number(pid), &local, 1, &remote, 1, 0) < 0 ? -1 : 0;
}
/* A child of its own, traced: what a debugger does. */
static long trace_child(const char *unused) {
  (void)unused;
  int ends[2], status;
  char byte = 0;
  if (pipe(ends) != 0) return -1;
  pid_t child = fork();
  if (child < 0) return -1;
  if (child == 0) {
    close(ends[1]);
    _exit(read(ends[0], &byte, 1) < 0);
  }
  close(ends[0]);
  long result = ptrace(PTRACE_SEIZE, child, NULL, NULL);
  int saved = errno;
  close(ends[1]);
  waitpid(child, &status, __WALL);
  errno = saved;
  return result;
}

static long raw_socket(const char *unused) { (void)unused; return opened(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP)); }
static long packet_socket(const char *unused) { (void)unused; return opened(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL))); }

/* Standard input is a namespace of the host's, handed in by the test. */
static long join_given(const char *unused) { (void)unused; return setns(STDIN_FILENO, 0); }
/* The namespace above the one that the file stands for. */
static long parent_namespace(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  int parent = ioctl(fd, NS_GET_PARENT);
  int saved = errno;
  close(fd);
  errno = saved;
  return opened(parent);
}

/* `PATH`: reached through a directory that was open before the root changed, and all the way up. */
static long leave_chroot(const char *path) {
  char jail[] = "/tmp/probe-jail-XXXXXX";
  int top = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (top < 0 || !mkdtemp(jail)) return -1;
  pid_t child = fork();
  if (child == 0) {
    if (chroot(jail) != 0 || fchdir(top) != 0) _exit(errno);
    for (int up = 0; up < 64; up++)
      if (chdir("..") != 0) _exit(errno);
    _exit(chroot(".") == 0 && open_read(path) == 0 ? 0 : errno);
  }
  int status = 0;
  if (child > 0) waitpid(child, &status, 0);
  rmdir(jail);
  close(top);
  errno = WEXITSTATUS(status);
  return errno == 0 ? 0 : -1;
}

/* A handle of a file that is there, opened by number alone, past all directories. */
static long open_by_handle(const char *path) {
  struct { struct file_handle handle; unsigned char bytes[MAX_HANDLE_SZ]; } wanted;
  int mount_id;
  wanted.handle.handle_bytes = MAX_HANDLE_SZ;
  int top = open(path, O_RDONLY | O_CLOEXEC);
  if (top < 0) return -1;
  if (name_to_handle_at(AT_FDCWD, path, &wanted.handle, &mount_id, 0) != 0) {
    /* Without handles there is nothing to open: an invented one shows what the call itself says. */
    wanted.handle.handle_bytes = 8;
    wanted.handle.handle_type = 1;
    memset(wanted.handle.f_handle, 0, 8);
    wanted.handle.f_handle[0] = 2;
  }
  int fd = open_by_handle_at(top, &wanted.handle, O_RDONLY | O_CLOEXEC);
  int saved = errno;
  close(top);
  errno = saved;
  return opened(fd);
}

static long key_add(const char *unused) { (void)unused; return syscall(SYS_add_key, "user", "sdme-probe", "x", 1L, KEY_SPEC_PROCESS_KEYRING) < 0 ? -1 : 0; }
static long key_request(const char *unused) { (void)unused; return syscall(SYS_request_key, "user", "sdme-probe", NULL, 0L) < 0 ? -1 : 0; }
static long key_control(const char *unused) { (void)unused; return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) < 0 ? -1 : 0; }

static long bpf_map(const char *unused) {
  (void)unused;
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = 4;
  attributes.value_size = 4;
  attributes.max_entries = 1;
  return opened((int)syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes));
}
static long perf_event(const char *unused) {
  (void)unused;
  struct perf_event_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_DUMMY;
  return opened((int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0L));
}
static long user_faults(const char *unused) { (void)unused; return opened((int)syscall(SYS_userfaultfd, O_CLOEXEC)); }

static long user_is_root(const char *unused) {
  (void)unused;
  if (geteuid() == 0) return 0;
  errno = EPERM;
  return -1;
}

/* An attach that no loop device can take: the descriptor is none. Asks for the node's own rights first. */
static long loop_attach(const char *path) {
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return -1;
  long result = ioctl(fd, LOOP_SET_FD, -1);
  int saved = errno;
  close(fd);
  errno = saved;
  return result;
}

/* One harmless call of each group that the strict tier refuses; ENOSYS where the machine has none of the group. */
static long group_cpu_emulation(const char *unused) {
  (void)unused;
#ifdef SYS_modify_ldt
  char table[16];
  return syscall(SYS_modify_ldt, 0, table, sizeof table) < 0 ? -1 : 0;
#else
  errno = ENOSYS;
  return -1;
#endif
}
static long group_debug(const char *unused) { (void)unused; return syscall(SYS_pidfd_getfd, -1, -1, 0); }
static long group_obsolete(const char *unused) {
  (void)unused;
#ifdef SYS_sysfs
  return syscall(SYS_sysfs, 3) < 0 ? -1 : 0;
#else
  errno = ENOSYS;
  return -1;
#endif
}
static long group_raw_io(const char *unused) {
  (void)unused;
#ifdef SYS_ioperm
  return syscall(SYS_ioperm, 0x80L, 1L, 0);
#else
  errno = ENOSYS;
  return -1;
#endif
}

static const struct { const char *name; attempt *run; } attempts[] = {
  {"open-read", open_read}, {"open-write", open_write}, {"device-node", device_node},
  {"mount-device", mount_device}, {"mount-kind", mount_kind}, {"new-proc-write", new_proc_write}, {"kexec", kexec}, {"kexec-file", kexec_file},
  {"module-load", module_load}, {"module-load-file", module_load_file}, {"module-unload", module_unload},
  {"signal", signal_process}, {"trace", trace_process}, {"trace-child", trace_child}, {"read-memory", read_memory},
  {"raw-socket", raw_socket}, {"packet-socket", packet_socket}, {"join-given", join_given},
  {"parent-namespace", parent_namespace}, {"leave-chroot", leave_chroot}, {"open-by-handle", open_by_handle},
  {"key-add", key_add}, {"key-request", key_request}, {"key-control", key_control}, {"bpf-map", bpf_map},
  {"perf-event", perf_event}, {"user-faults", user_faults}, {"user-is-root", user_is_root},
  {"loop-attach", loop_attach}, {"group-cpu-emulation", group_cpu_emulation}, {"group-debug", group_debug},
  {"group-obsolete", group_obsolete}, {"group-raw-io", group_raw_io},
};

/* Lets a child make the attempt that got itself a user and a mount namespace. */
static long run_nested(attempt *run, const char *argument) {
  int status = 0;
  pid_t child = fork();
  if (child < 0) return -1;
  if (child == 0) _exit(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && run(argument) == 0 ? 0 : errno);
  if (waitpid(child, &status, 0) != child) return -1;
  errno = WEXITSTATUS(status);
  return errno == 0 ? 0 : -1;
}

static int attempted(char *word) {
  static const char prefix[] = "nested:";
  int nested = strncmp(word, prefix, sizeof prefix - 1) == 0;
  if (nested) word += sizeof prefix - 1;
  char *argument = strchr(word, '=');
  size_t length = argument ? (size_t)(argument++ - word) : strlen(word);
  for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
    if (strlen(attempts[i].name) != length || strncmp(attempts[i].name, word, length) != 0) continue;
    errno = 0;
    long result = nested ? run_nested(attempts[i].run, argument) : attempts[i].run(argument);
    printf("%s %s\n", attempts[i].name, result == 0 ? "done" : strerrorname_np(errno));
    return 0;
  }
  fprintf(stderr, "probe: no attempt '%s'\n", word);
  return 2;
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int i = 1; i < argc; i++)
    if (attempted(argv[i]) != 0) return 2;
  return 0;
}
