/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Each read and write through a descriptor, so that those opened before a policy came are held to
 * it. Only the rule on the file itself is looked up: directories were looked at when it was opened.
 */

#define MAY_WRITE_ 2
#define MAY_READ_ 4

SEC("lsm/file_permission")
int BPF_PROG(lsm_file_permission, struct file *file, int mask)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	__u32 unwanted = 0;
	struct guard guard = {};

	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT_) != S_IFREG_)
		return 0;
	if (!enter_for(&guard, RP_GUARD_FILES))
		return 0;
	if (mask & MAY_READ_)
		unwanted |= RP_FILE_NO_READ | RP_FILE_NO_EXEC;
	if (mask & MAY_WRITE_)
		unwanted |= RP_FILE_NO_WRITE;
	/* The kernel reads the head of a program before it asks about the exec. */
	if (BPF_CORE_READ(file, f_flags) & FMODE_EXEC_)
		return 0;
	guard.flags &= ~RP_GUARD_TREES;
	return check_file(&guard, BPF_CORE_READ(file, f_path.mnt),
			  BPF_CORE_READ(file, f_path.dentry), unwanted,
			  mask & MAY_WRITE_ ? RP_OP_OPEN_WRITE : RP_OP_OPEN_READ);
}
