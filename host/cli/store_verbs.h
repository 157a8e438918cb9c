/* `taskhost store check|backup|gc`: run by taskhostd, which links the database. */
#pragma once

/* `prog` is what usage texts call it: "taskhost store check". Each returns the exit code. */
int store_check_main(const char *prog, int argc, char **argv);
int store_backup_main(const char *prog, int argc, char **argv);
int store_gc_main(const char *prog, int argc, char **argv);
