/*  support_vfs - a disk for SQLite that fails or loses power at a given write

    Power    what was not synchronized when it goes is gone: each file falls
   back to what it was at its last sync Failure  the write, and all later ones,
   get an I/O error or a full disk     */
#ifndef COVEY_SUPPORT_VFS_H_INCLUDED
#define COVEY_SUPPORT_VFS_H_INCLUDED

#include <stdbool.h>

typedef enum {
    SUPPORT_VFS_FINE,
    SUPPORT_VFS_FULL,
    SUPPORT_VFS_IO
} support_vfs_t;

/*  All databases opened from here on.                                        */
void support_vfs_install (void);
/*  Writes, syncs and truncations from now on, until `how` begins; 0: never.  */
void support_vfs_fail_after (int steps, support_vfs_t how);
/*  Steps since fail_after.                                                   */
int support_vfs_steps (void);
/*  The power goes: call it when the database is closed, or never was.        */
void support_vfs_lose_power (const char *path);

#endif
