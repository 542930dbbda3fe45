/* command: the commands of the program, and the exit statuses they share. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

/* Where rsync has a status of the same meaning, it is that one. Frozen. */
enum exit_status {
  EXIT_DONE = 0,         /* everything is at the receiver, verified and durable */
  EXIT_USAGE = 1,        /* the command line, the environment, or a file of keys */
  EXIT_REFUSED = 5,      /* the other side does not take us, or is not who it must be */
  EXIT_NETWORK = 10,     /* a socket: address or port not to be had */
  EXIT_FILES = 11,       /* file I/O that ended everything: the receiver's folder, all sources missing */
  EXIT_PROTOCOL = 12,    /* one side broke the protocol */
  EXIT_INTERRUPTED = 20, /* a signal here, or a user over there */
  EXIT_PARTIAL = 23,     /* some files failed, the others are there */
  EXIT_VANISHED = 24,    /* all that failed vanished or changed at the source */
  EXIT_TIMEOUT = 30,     /* the other side fell silent */
  EXIT_UNREACHED = 35,   /* could not connect: no such host, nobody answers */
};

/* argv[0] is the command's name. Return an exit status. */
int command_send(int argc, char **argv);
int command_recv(int argc, char **argv);
int command_keygen(int argc, char **argv);
int command_id(int argc, char **argv);

#endif
