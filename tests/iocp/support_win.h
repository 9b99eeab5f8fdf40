/*
 * What the Windows files of the support share; private to them.
 */
#ifndef TESTS_IOCP_SUPPORT_WIN_H
#define TESTS_IOCP_SUPPORT_WIN_H

#include "support.h"

#include <winsock2.h>

#include <windows.h>

/* Whether Windows is Wine here: some things cost it too much. Any thread. */
bool sup_on_wine(void);

/* Whether a test of what Wine cannot do is run: not on Wine, unless EXECPORT_TRY_SKIPS asks to see
 * that it fails there. */
bool sup_tries_what_wine_lacks(void);

/* Makes the job that children are put into; once, from sup_begin. */
void sup_children_begin(void);

#endif
