/*
 * Stands in for a folder that has no sources on this system, because a library of nothing cannot
 * be made. Runs nowhere.
 */
typedef int execport_empty;
