/* error: the one place where errno becomes an `enum error`, and where an error gets its English phrase.
 *
 * Every local failure in the program is one of a small set of numbers, chosen by what the caller can do about
 * it; the many values of errno fold onto that set here. */
#include "udpcp/base.h"

#include <errno.h>

const char *error_text(int error) {
  switch ((enum error)error) {
  case ERR_NONE:
    return "no error";
  case ERR_AGAIN:
    return "not possible just now";
  case ERR_MALFORMED:
    return "malformed data";
  case ERR_NO_SPACE:
    return "buffer too small";
  case ERR_NO_MEMORY:
    return "out of memory";
  case ERR_CLOSED:
    return "connection closed";
  case ERR_UNAUTHENTIC:
    return "authentication tag does not fit";
  case ERR_NOT_FOUND:
    return "no such file or folder";
  case ERR_EXISTS:
    return "already exists";
  case ERR_DENIED:
    return "permission denied";
  case ERR_DISK_FULL:
    return "no space left on the disk";
  case ERR_IO:
    return "input/output error";
  case ERR_BAD_NAME:
    return "name not acceptable";
  case ERR_CHANGED:
    return "changed while it was read";
  case ERR_ADDRESS:
    return "address in use or not available";
  case ERR_UNREACHABLE:
    return "host unreachable or connection refused";
  case ERR_UNSUPPORTED:
    return "not supported by this system";
  case ERR_IS_FOLDER:
    return "is a folder";
  case ERR_INTERRUPTED:
    return "interrupted";
  case ERR_TOO_MANY_FILES:
    return "too many open files";
  case ERR_MISMATCH:
    return "contents do not match their hash";
  case ERR_UNTRUSTED:
    return "not who it must be";
  case ERR_EXPOSED:
    return "others than its owner can get at it";
  case ERR_TOO_MUCH:
    return "more than is allowed";
  }
  return "unknown error";
}

int error_from_errno(int errno_value) {
  switch (errno_value) {
  case EAGAIN:
  case ENOBUFS: /* a full queue of a network device: it empties by itself */
    return ERR_AGAIN;
  case ENOMEM:
    return ERR_NO_MEMORY;
  case EPIPE:
  case ECONNRESET:
    return ERR_CLOSED;
  case ENOENT:
  case ENOTDIR:
    return ERR_NOT_FOUND;
  case EEXIST:
  case ENOTEMPTY:
    return ERR_EXISTS;
  case EACCES:
  case EPERM:
  case EROFS:
  case ETXTBSY:
    return ERR_DENIED;
  case ENOSPC:
  case EDQUOT:
  case EFBIG:
    return ERR_DISK_FULL;
  case ENAMETOOLONG:
  case ELOOP:
  case EILSEQ:
  case EXDEV: /* what openat2 says of a name that leaves its folder */
    return ERR_BAD_NAME;
  case EADDRINUSE:
  case EADDRNOTAVAIL:
    return ERR_ADDRESS;
  case ECONNREFUSED:
  case ENETUNREACH:
  case EHOSTUNREACH:
  case ENETDOWN:
  case EHOSTDOWN:
  case ETIMEDOUT:
    return ERR_UNREACHABLE;
  case EINVAL: /* arguments that are right in themselves and that this kernel or file system does not know */
  case ENOSYS:
  case EOPNOTSUPP:
  case ENOPROTOOPT:
  case EAFNOSUPPORT:
  case EPROTONOSUPPORT:
    return ERR_UNSUPPORTED;
  case EISDIR:
    return ERR_IS_FOLDER;
  case EINTR:
    return ERR_INTERRUPTED;
  case EMFILE:
  case ENFILE:
    return ERR_TOO_MANY_FILES;
  default:
    return ERR_IO;
  }
}
