/* How a failure travels up to main: the text for the user and the exit status, set where the cause is known.
 */
#ifndef NETLAB_FAILURE_H
#define NETLAB_FAILURE_H

enum failure_status {
  FAILURE_OWN = 125,         /* wrong usage, or netlab itself could not go on */
  FAILURE_NO_NAMESPACE = 77, /* this machine grants no network namespace or no TUN device */
};

struct failure {
  int exit_status;
  char text[320];
};

/* Describes the failure; always returns -1, so that callers can `return failure_set(...)`. */
int failure_set(struct failure *f, int exit_status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
