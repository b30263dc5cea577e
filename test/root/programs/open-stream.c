// Opens PATH by each of C's functions and prints a line for each: the function's name, written by way of what was opened,
// or behind the name the five letters that were read there, or the error. For test/root/devfd-shim.test.ts.
//
//   open-stream write|read PATH [DIRECTORY]
//   open-stream flags PATH    whether what was opened closes at the start of a program, without O_CLOEXEC and with it
//   open-stream make PATH     the permissions of the files that are made, which are gone afterwards
//
// PATH is put at the very end of a page with none behind. DIRECTORY is what openat starts from.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __GLIBC__
// What open and openat become with _FORTIFY_SOURCE.
int __open_2(const char *, int), __open64_2(const char *, int);
int __openat_2(int, const char *, int), __openat64_2(int, const char *, int);
#endif

static const char *at_end_of_page(const char *text) {
  size_t page = sysconf(_SC_PAGESIZE), size = strlen(text) + 1;
  char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE) != 0) return NULL;
  return memcpy(pages + page - size, text, size);
}

static void show(const char *name, int fd, int reads) {
  char text[6] = "";
  if (fd < 0) {
    dprintf(1, "%s: %s\n", name, strerror(errno));
    return;
  }
  if (!reads) dprintf(fd, "%s\n", name);
  else if (read(fd, text, 5) == 5) dprintf(1, "%s: %s\n", name, text);
  close(fd);
}

static void show_file(const char *name, FILE *file, int reads) {
  char text[6] = "";
  if (file == NULL) {
    dprintf(1, "%s: %s\n", name, strerror(errno));
    return;
  }
  setbuf(file, NULL);
  if (!reads) fprintf(file, "%s\n", name);
  else if (fgets(text, 6, file) != NULL) dprintf(1, "%s: %s\n", name, text);
  fclose(file);
}

static void show_mode(const char *name, int fd, const char *path) {
  struct stat made;
  if (fd < 0 || fstat(fd, &made) != 0) return;
  dprintf(1, "%s: %o\n", name, made.st_mode & 07777);
  unlink(path);
}

int main(int argc, char **argv) {
  const char *path = at_end_of_page(argv[2]);
  umask(0);
  if (strcmp(argv[1], "flags") == 0) {
    dprintf(1, "%d\n", fcntl(open(path, O_WRONLY), F_GETFD));
    dprintf(1, "%d\n", fcntl(open(path, O_WRONLY | O_CLOEXEC), F_GETFD));
    return 0;
  }
  if (strcmp(argv[1], "make") == 0) {
    show_mode("open", open(path, O_WRONLY | O_CREAT | O_EXCL, 0604), path);
    show_mode("openat", openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0640), path);
    show_mode("creat", creat(path, 0600), path);
    return 0;
  }
  int reads = strcmp(argv[1], "read") == 0, flags = reads ? O_RDONLY : O_WRONLY | O_APPEND;
  int directory = argc > 3 ? open(argv[3], O_PATH | O_DIRECTORY) : AT_FDCWD;
  const char *mode = reads ? "r" : "a";
  show("openat", openat(directory, path, flags), reads);
  show("openat64", openat64(directory, path, flags), reads);
#ifdef __GLIBC__
  show("__openat_2", __openat_2(directory, path, flags), reads);
  show("__openat64_2", __openat64_2(directory, path, flags), reads);
#endif
  if (argc > 3) return 0;
  show("open", open(path, flags), reads);
  show("open64", open64(path, flags), reads);
#ifdef __GLIBC__
  show("__open_2", __open_2(path, flags), reads);
  show("__open64_2", __open64_2(path, flags), reads);
#endif
  show_file("fopen", fopen(path, mode), reads);
  show_file("fopen64", fopen64(path, mode), reads);
  if (reads) return 0;
  show("creat", creat(path, 0600), 0);
  show("creat64", creat64(path, 0600), 0);
  return 0;
}
