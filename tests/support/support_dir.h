/*  support_dir - a folder of a test's own                                    */
#ifndef SUPPORT_DIR_H_INCLUDED
#define SUPPORT_DIR_H_INCLUDED

#define SUPPORT_DIR_SIZE 64

/*  Make one below $TMPDIR or /tmp; remove it with all that is in it.         */
void support_dir_make (char path[SUPPORT_DIR_SIZE]);
void support_dir_remove (const char *path);

#endif
