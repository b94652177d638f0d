/** What `bin/umec` and the service say in the environment about programs on /data. */

/** The store of programs; unset, there are none. */
export const programDirName = "UMEC_PROGRAM_DIR";
/** Set by the launcher: which place's program this process runs. Unset: the scripts beside it. */
export const programPlaceName = "UMEC_PROGRAM_PLACE";
/** Path of `bin/umec`, set by itself. */
export const launcherName = "UMEC_LAUNCHER";
/** Path of the CAs whose code is run. */
export const keyringName = "UMEC_KEYRING";
export const defaultKeyringPath = "/etc/rauc/keyring.pem";
