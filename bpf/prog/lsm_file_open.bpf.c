/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The choke point of every way to a file: open, openat2, io_uring, handles, exec. What must not
 * run is not readable either, or a copy, an interpreter or a loader would run it.
 */

#define FMODE_READ_ 1
#define FMODE_WRITE_ 2
/* Among the flags, not the mode. */
#define FMODE_EXEC_ 0x20
#define O_TRUNC_ 01000

SEC("lsm/file_open")
int BPF_PROG(lsm_file_open, struct file *file)
{
	__u32 mode = BPF_CORE_READ(file, f_mode), opened = BPF_CORE_READ(file, f_flags);
	__u32 unwanted = 0;
	struct guard guard = {};

	if (!enter_for(&guard, RP_GUARD_FILES | RP_GUARD_TREES))
		return 0;
	if (mode & FMODE_READ_)
		unwanted |= RP_FILE_NO_READ;
	/* An exec opens the program this way: it is judged, and told, as one. */
	if ((mode & FMODE_READ_) && !(opened & FMODE_EXEC_))
		unwanted |= RP_FILE_NO_EXEC;
	if ((mode & FMODE_WRITE_) || (opened & O_TRUNC_))
		unwanted |= RP_FILE_NO_WRITE;
	return check_file(&guard, BPF_CORE_READ(file, f_path.mnt),
			  BPF_CORE_READ(file, f_path.dentry), unwanted,
			  mode & FMODE_WRITE_ ? RP_OP_OPEN_WRITE : RP_OP_OPEN_READ);
}
