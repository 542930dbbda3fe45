/* error: every number has its own phrase, and every errno finds a number. */
#include "unit.h"

#include <errno.h>

#include "udpcp/base.h"

static void every_error_has_its_own_phrase(void) {
  for (int a = 0; a >= ERR_MISMATCH; a--) {
    const char *text = error_text(a);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    size_t size = strlen(text);
    CU_ASSERT(size > 0 && text[size - 1] != '.');
    CU_ASSERT_STRING_NOT_EQUAL(text, error_text(ERR_MISMATCH - 1));
    for (int b = 0; b > a; b--)
      CU_ASSERT_STRING_NOT_EQUAL(text, error_text(b));
  }
}

static void unknown_numbers_have_a_phrase_too(void) {
  CU_ASSERT_PTR_NOT_NULL(error_text(1));
  CU_ASSERT_PTR_NOT_NULL(error_text(-1000));
}

static void errno_is_translated(void) {
  static const struct {
    int errno_value, error;
  } rows[] = {
      {EAGAIN, ERR_AGAIN},
      {EWOULDBLOCK, ERR_AGAIN},
      {ENOBUFS, ERR_AGAIN},
      {ENOMEM, ERR_NO_MEMORY},
      {EPIPE, ERR_CLOSED},
      {ENOENT, ERR_NOT_FOUND},
      {ENOTDIR, ERR_NOT_FOUND},
      {EEXIST, ERR_EXISTS},
      {ENOTEMPTY, ERR_EXISTS},
      {EACCES, ERR_DENIED},
      {EPERM, ERR_DENIED},
      {EROFS, ERR_DENIED},
      {ENOSPC, ERR_DISK_FULL},
      {EDQUOT, ERR_DISK_FULL},
      {EFBIG, ERR_DISK_FULL},
      {EIO, ERR_IO},
      {ENAMETOOLONG, ERR_BAD_NAME},
      {ELOOP, ERR_BAD_NAME},
      {EILSEQ, ERR_BAD_NAME},
      {EXDEV, ERR_BAD_NAME},
      {EADDRINUSE, ERR_ADDRESS},
      {EADDRNOTAVAIL, ERR_ADDRESS},
      {EHOSTUNREACH, ERR_UNREACHABLE},
      {ECONNREFUSED, ERR_UNREACHABLE},
      {ENETUNREACH, ERR_UNREACHABLE},
      {ENOSYS, ERR_UNSUPPORTED},
      {ENOPROTOOPT, ERR_UNSUPPORTED},
      {EOPNOTSUPP, ERR_UNSUPPORTED},
      {EINVAL, ERR_UNSUPPORTED},
      {EISDIR, ERR_IS_FOLDER},
      {EINTR, ERR_INTERRUPTED},
      {EMFILE, ERR_TOO_MANY_FILES},
      {ENFILE, ERR_TOO_MANY_FILES},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    CU_ASSERT_EQUAL(error_from_errno(rows[i].errno_value), rows[i].error);
}

static void no_errno_is_success(void) {
  for (int errno_value = -1; errno_value < 1000; errno_value++) {
    int error = error_from_errno(errno_value);
    CU_ASSERT(error < 0 && error >= ERR_MISMATCH);
  }
}

UNIT_MAIN(UNIT_CASE(every_error_has_its_own_phrase), UNIT_CASE(unknown_numbers_have_a_phrase_too),
          UNIT_CASE(errno_is_translated), UNIT_CASE(no_errno_is_success))
