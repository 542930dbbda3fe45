/* machine: two computers and the link between them in simulated time, so that the program's own event loop
 * runs over them unchanged and every run executes the same instructions.
 *
 * Each end is a process, and what they share stands in one mapping: the link's two directions, and when each
 * end wants to go on. Only the one that is due earlier runs. Behind udpcp/io.h nothing is a system call of
 * the transfer any more: datagrams are copied between the two, file work runs where it is submitted, and the
 * clock moves on by what a datagram costs and by sleep. */
#ifndef INSN_MACHINE_H
#define INSN_MACHINE_H

#include "udpcp/base.h"

enum machine_end { END_SENDER, END_RECEIVER };

/* Splits the process in two; returns which end this one is. `loss_permille`: of the datagrams on the way to
 * the receiver, drawn from a fixed seed. */
enum machine_end machine_start(unsigned loss_permille);
/* This end is done. At the sender, waits for the other one: whether it ended well. */
bool machine_end(void);
/* Where the other end is. */
struct address machine_peer(void);

#endif
