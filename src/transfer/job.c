/* job: file work, wrapped so that whoever runs it needs to know nothing about it. */
#include "udpcp/transfer.h"

void job_run(struct job *job) { job->run(job); }
