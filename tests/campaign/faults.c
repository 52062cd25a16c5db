/* Faults for one process, loaded with LD_PRELOAD.
 *
 * A site is an operation and the kind of file that it is applied to: "write ledger-wal". Sites are
 * counted, and one of them can fail or kill the process at its n-th call. A page shared with the
 * campaign holds the offset of the clock and the state of the disk. Only files below the folder
 * "data" of the working folder and the log (descriptor 2) are touched; sockets and libraries never are.
 *
 * FAULTS_CONTROL  the control page; see control.rs for its layout
 * FAULTS_RECORD   a file of entries (36 bytes name, 4 bytes count), one for each site
 * FAULTS_AT       "<how> <operation> <kind> <n>", how: eio, eio-on, enospc, enospc-on,
 *                 kill-before, kill-after
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum op { OPEN, CREATE, READ, WRITE, FSYNC, RENAME, LINK, UNLINK, MKDIR, RMDIR, TRUNCATE, LIST, STAT, OPS };
static const char *const OP[] = {"open", "create", "read", "write", "fsync", "rename", "link",
                                 "unlink", "mkdir", "rmdir", "truncate", "list", "stat"};
enum kind {
  NONE, LOG, LEDGER, LEDGER_WAL, LEDGER_SHM, LEDGER_JOURNAL, LEDGER_OTHER, RAW, RAW_TEMP, RAW_FOLDER,
  ATTACHMENT, ATTACHMENT_TEMP, ATTACHMENT_FOLDER, FIELDS, FIELDS_TEMP, RAW_DIMENSION,
  RAW_DIMENSION_TEMP, STORE, STORE_TEMP, STORE_FOLDER, VISIBLE, VISIBLE_TEMP, VISIBLE_FOLDER,
  DIMENSION, VIEWS, LOCK, OTHER, KINDS
};
static const char *const KIND[] = {
  "none", "log", "ledger", "ledger-wal", "ledger-shm", "ledger-journal", "ledger-other", "raw", "raw-temp",
  "raw-folder", "attachment", "attachment-temp", "attachment-folder", "fields", "fields-temp",
  "raw-dimension", "raw-dimension-temp", "store", "store-temp", "store-folder", "visible",
  "visible-temp", "visible-folder", "dimension", "views", "lock", "other"};

struct control { int64_t offset_s; uint8_t disk; };
enum disk { HEALTHY, FULL, DEAD };
struct entry { char name[36]; uint32_t count; };

static volatile struct control *control;
static struct entry *record;
static uint32_t counts[OPS][KINDS];
static uint8_t kind_of_fd[65536];
/* The working folder with a slash at its end. */
static char root[4096];
static size_t root_length;
static int fault_op = -1, fault_kind = -1, fault_error, fault_stays, kill_before, kill_after;
static uint32_t fault_at;

#define REAL(type, name, ...)                                    \
  static type (*real)(__VA_ARGS__);                              \
  if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int real_open(const char *path, int flags, mode_t mode) {
  REAL(int, "open64", const char *, int, ...);
  return real(path, flags, mode);
}

static void *map(const char *variable, size_t bytes) {
  const char *path = getenv(variable);
  if (!path) return NULL;
  int fd = real_open(path, O_RDWR, 0);
  if (fd < 0) return NULL;
  void *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return page == MAP_FAILED ? NULL : page;
}

static int index_of(const char *const *names, int count, const char *name) {
  for (int i = 0; i < count; i++)
    if (!strcmp(names[i], name)) return i;
  return -1;
}

__attribute__((constructor)) static void start(void) {
  kind_of_fd[2] = LOG;
  if (getcwd(root, sizeof root - 1)) root_length = strlen(strcat(root, "/"));
  control = map("FAULTS_CONTROL", sizeof(struct control));
  record = map("FAULTS_RECORD", sizeof(struct entry) * OPS * KINDS);
  const char *fault = getenv("FAULTS_AT");
  char how[32], op[32], kind[32];
  unsigned at;
  if (!fault || sscanf(fault, "%31s %31s %31s %u", how, op, kind, &at) != 4) return;
  fault_op = index_of(OP, OPS, op);
  fault_kind = index_of(KIND, KINDS, kind);
  fault_at = at;
  fault_error = !strncmp(how, "eio", 3) ? EIO : !strncmp(how, "enospc", 6) ? ENOSPC : 0;
  fault_stays = strstr(how, "-on") != NULL;
  kill_before = !strcmp(how, "kill-before");
  kill_after = !strcmp(how, "kill-after");
}

static int ends(const char *text, const char *end) {
  size_t a = strlen(text), b = strlen(end);
  return a >= b && !strcmp(text + a - b, end);
}

static int kind_of(const char *path) {
  if (!path) return NONE;
  if (!strncmp(path, root, root_length)) path += root_length;
  while (!strncmp(path, "./", 2)) path += 2;
  if (strncmp(path, "data", 4) || (path[4] && path[4] != '/')) return NONE;
  if (!path[4] || !path[5]) return OTHER;
  const char *rest = path + 5;
  const char *slash = strrchr(rest, '/'), *name = slash ? slash + 1 : rest;
  int temp = name[0] == '.' && ends(name, ".tmp");
  if (ends(name, ".lock")) return LOCK;
  if (!strncmp(rest, "ledger.", 7) && strncmp(rest, "ledger.db", 9)) return LEDGER_OTHER;
  if (!strncmp(rest, "ledger.db", 9)) {
    const char *tail = rest + 9;
    if (!*tail) return LEDGER;
    if (!strcmp(tail, "-wal")) return LEDGER_WAL;
    if (!strcmp(tail, "-shm")) return LEDGER_SHM;
    if (!strcmp(tail, "-journal")) return LEDGER_JOURNAL;
    return LEDGER_OTHER;
  }
  if (!strncmp(rest, "raw", 3) && (rest[3] == '/' || !rest[3])) {
    if (strstr(rest, "fields.json")) return temp ? FIELDS_TEMP : FIELDS;
    if (!strncmp(rest, "raw/dimensions", 14)) return temp ? RAW_DIMENSION_TEMP : RAW_DIMENSION;
    if (!strncmp(rest, "raw/attachments", 15)) {
      int slashes = 0;
      for (const char *c = rest; *c; c++) slashes += *c == '/';
      return temp ? ATTACHMENT_TEMP : slashes < 3 ? ATTACHMENT_FOLDER : ATTACHMENT;
    }
    return temp ? RAW_TEMP : ends(name, ".json") ? RAW : RAW_FOLDER;
  }
  if (!strncmp(rest, "store", 5))
    return temp ? STORE_TEMP : ends(name, ".parquet") ? STORE : STORE_FOLDER;
  if (!strncmp(rest, "parquet", 7)) {
    if (temp) return VISIBLE_TEMP;
    if (ends(name, ".sql")) return VIEWS;
    if (!ends(name, ".parquet")) return VISIBLE_FOLDER;
    return strchr(rest + 13, '/') ? VISIBLE : DIMENSION;
  }
  return OTHER;
}

static int kind_of_open(int fd) { return fd >= 0 && fd < 65536 ? kind_of_fd[fd] : NONE; }

/* Counts a call of a site. Returns the error that it fails with; 0 lets it through. */
static int enter(int op, int kind, int grows) {
  if (kind == NONE) return 0;
  uint32_t n = __atomic_add_fetch(&counts[op][kind], 1, __ATOMIC_RELAXED);
  if (record) {
    struct entry *entry = &record[op * KINDS + kind];
    if (__atomic_add_fetch(&entry->count, 1, __ATOMIC_RELAXED) == 1)
      snprintf(entry->name, sizeof entry->name, "%s %s", OP[op], KIND[kind]);
  }
  if (op == fault_op && kind == fault_kind && (n == fault_at || (fault_stays && n > fault_at))) {
    if (kill_before) kill(getpid(), SIGKILL);
    if (fault_error) return fault_error;
  }
  if (control && control->disk == DEAD) return EIO;
  if (control && control->disk == FULL && grows) return ENOSPC;
  return 0;
}

static void leave(int op, int kind) {
  if (kill_after && op == fault_op && kind == fault_kind && counts[op][kind] == fault_at)
    kill(getpid(), SIGKILL);
}

#define FAIL(value) do { errno = error; return value; } while (0)

static int opened(const char *path, int flags, mode_t mode, int at, int folder) {
  REAL(int, "openat64", int, const char *, int, ...);
  int kind = kind_of(path), op = flags & O_CREAT ? CREATE : OPEN, grows = 0;
  if (kind != NONE && (flags & O_CREAT)) grows = access(path, F_OK) != 0;
  int error = enter(op, kind, grows);
  if (error) FAIL(-1);
  int fd = real(at ? folder : AT_FDCWD, path, flags, mode);
  if (fd >= 0 && fd < 65536) kind_of_fd[fd] = kind;
  leave(op, kind);
  return fd;
}

#define OPENS(name, at_arg, at, folder)                       \
  int name(at_arg const char *path, int flags, ...) {         \
    va_list list;                                             \
    va_start(list, flags);                                    \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0; \
    va_end(list);                                             \
    return opened(path, flags, mode, at, folder);             \
  }
#define NOTHING
#define AT_ARG int folder,
OPENS(open, , 0, 0)
OPENS(open64, , 0, 0)
OPENS(openat, AT_ARG, 1, folder)
OPENS(openat64, AT_ARG, 1, folder)

int close(int fd) {
  REAL(int, "close", int);
  if (fd > 2 && fd < 65536) kind_of_fd[fd] = NONE;
  return real(fd);
}

/* A full disk still takes what overwrites blocks that a file has. */
static int grows_to(int fd, off_t end) {
  struct stat data;
  REAL(int, "fstat", int, struct stat *);
  if (!control || control->disk != FULL) return 0;
  return real(fd, &data) != 0 || !S_ISREG(data.st_mode) || end > data.st_size;
}

static int grows_here(int fd, size_t count) {
  if (!control || control->disk != FULL) return 0;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || flags & O_APPEND) return 1;
  return grows_to(fd, lseek(fd, 0, SEEK_CUR) + (off_t)count);
}

#define TRANSFER(op, type, name, params, args, grows, ...)    \
  type name params {                                          \
    REAL(type, #name, __VA_ARGS__);                           \
    int kind = kind_of_open(fd), error = kind == NONE ? 0 : enter(op, kind, grows); \
    if (error) FAIL(-1);                                      \
    type result = real args;                                  \
    leave(op, kind);                                          \
    return result;                                            \
  }
TRANSFER(READ, ssize_t, read, (int fd, void *to, size_t n), (fd, to, n), 0, int, void *, size_t)
TRANSFER(READ, ssize_t, pread, (int fd, void *to, size_t n, off_t at), (fd, to, n, at), 0, int, void *, size_t, off_t)
TRANSFER(READ, ssize_t, pread64, (int fd, void *to, size_t n, off64_t at), (fd, to, n, at), 0, int, void *, size_t, off64_t)
TRANSFER(READ, ssize_t, readv, (int fd, const struct iovec *to, int n), (fd, to, n), 0, int, const struct iovec *, int)
TRANSFER(WRITE, ssize_t, write, (int fd, const void *from, size_t n), (fd, from, n), grows_here(fd, n), int, const void *, size_t)
TRANSFER(WRITE, ssize_t, pwrite, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at), grows_to(fd, at + (off_t)n), int, const void *, size_t, off_t)
TRANSFER(WRITE, ssize_t, pwrite64, (int fd, const void *from, size_t n, off64_t at), (fd, from, n, at), grows_to(fd, at + (off_t)n), int, const void *, size_t, off64_t)
TRANSFER(WRITE, ssize_t, writev, (int fd, const struct iovec *from, int n), (fd, from, n), grows_here(fd, 1), int, const struct iovec *, int)
TRANSFER(FSYNC, int, fsync, (int fd), (fd), 0, int)
TRANSFER(FSYNC, int, fdatasync, (int fd), (fd), 0, int)
TRANSFER(TRUNCATE, int, ftruncate, (int fd, off_t to), (fd, to), 0, int, off_t)
TRANSFER(TRUNCATE, int, ftruncate64, (int fd, off64_t to), (fd, to), 0, int, off64_t)
TRANSFER(TRUNCATE, int, posix_fallocate, (int fd, off_t at, off_t n), (fd, at, n), 1, int, off_t, off_t)
TRANSFER(STAT, int, fstat, (int fd, struct stat *to), (fd, to), 0, int, struct stat *)
TRANSFER(STAT, int, fstat64, (int fd, struct stat64 *to), (fd, to), 0, int, struct stat64 *)

#define NAMED(op, type, failed, name, params, path, args, grows, ...) \
  type name params {                                          \
    REAL(type, #name, __VA_ARGS__);                           \
    int kind = kind_of(path), error = enter(op, kind, grows); \
    if (error) FAIL(failed);                                  \
    type result = real args;                                  \
    leave(op, kind);                                          \
    return result;                                            \
  }
NAMED(RENAME, int, -1, rename, (const char *from, const char *to), to, (from, to), 0, const char *, const char *)
NAMED(LINK, int, -1, link, (const char *from, const char *to), to, (from, to), 1, const char *, const char *)
NAMED(LINK, int, -1, linkat, (int a, const char *from, int b, const char *to, int flags), to, (a, from, b, to, flags), 1, int, const char *, int, const char *, int)
NAMED(UNLINK, int, -1, unlink, (const char *path), path, (path), 0, const char *)
NAMED(UNLINK, int, -1, unlinkat, (int at, const char *path, int flags), path, (at, path, flags), 0, int, const char *, int)
NAMED(MKDIR, int, -1, mkdir, (const char *path, mode_t mode), path, (path, mode), 1, const char *, mode_t)
NAMED(RMDIR, int, -1, rmdir, (const char *path), path, (path), 0, const char *)
NAMED(LIST, DIR *, NULL, opendir, (const char *path), path, (path), 0, const char *)
NAMED(STAT, int, -1, stat, (const char *path, struct stat *to), path, (path, to), 0, const char *, struct stat *)
NAMED(STAT, int, -1, stat64, (const char *path, struct stat64 *to), path, (path, to), 0, const char *, struct stat64 *)
NAMED(STAT, int, -1, lstat, (const char *path, struct stat *to), path, (path, to), 0, const char *, struct stat *)
NAMED(STAT, int, -1, lstat64, (const char *path, struct stat64 *to), path, (path, to), 0, const char *, struct stat64 *)

int statx(int at, const char *path, int flags, unsigned mask, struct statx *to) {
  REAL(int, "statx", int, const char *, int, unsigned, struct statx *);
  /* Rust's library asks with a null pointer whether the call exists. The declaration says that there
   * is none, so the compiler would drop a plain comparison. */
  const char *volatile name = path;
  const char *given = name;
  int kind = !given ? NONE : *given ? kind_of(given) : kind_of_open(at), error = enter(STAT, kind, 0);
  if (error) FAIL(-1);
  int result = real(at, path, flags, mask, to);
  leave(STAT, kind);
  return result;
}

int clock_gettime(clockid_t clock, struct timespec *to) {
  REAL(int, "clock_gettime", clockid_t, struct timespec *);
  int result = real(clock, to);
  if (!result && control && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    to->tv_sec += control->offset_s;
  return result;
}

int gettimeofday(struct timeval *to, void *zone) {
  REAL(int, "gettimeofday", struct timeval *, void *);
  int result = real(to, zone);
  if (!result && control) to->tv_sec += control->offset_s;
  return result;
}

time_t time(time_t *to) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (to) *to = now.tv_sec;
  return now.tv_sec;
}
