/* cases_tree: the named cases of LAYER_TRANSFER; cases.c has the table. */
#ifndef SIM_CASES_TREE_H
#define SIM_CASES_TREE_H

#include "scenario.h"

void case_tree(struct scenario *scenario);
void case_tree_loss(struct scenario *scenario);
void case_tree_tiny_windows(struct scenario *scenario);
void case_tree_troubles(struct scenario *scenario);
void case_tree_empty_files(struct scenario *scenario);
void case_tree_empty(struct scenario *scenario);
void case_tree_large_file(struct scenario *scenario);
void case_tree_disk_full(struct scenario *scenario);
void case_tree_slow_disk(struct scenario *scenario);
void case_tree_dry_run(struct scenario *scenario);
void case_tree_mended_damage(struct scenario *scenario);
void case_tree_interrupted(struct scenario *scenario);
void case_tree_receiver_dies(struct scenario *scenario);
void case_tree_sender_dies(struct scenario *scenario);
void case_tree_four_clients(struct scenario *scenario);
void case_sweep_tree(struct scenario *scenario);
void case_tree_100000(struct scenario *scenario);

#endif
