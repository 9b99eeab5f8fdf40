typedef int execport_empty; /* stands in for a folder without sources on this platform */
