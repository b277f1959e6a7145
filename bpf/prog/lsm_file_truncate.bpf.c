/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ftruncate; since kernel 6.2. */

SEC("lsm/file_truncate")
int BPF_PROG(lsm_file_truncate, struct file *file)
{
	struct guard guard = {};

	if (!enter_for(&guard, RP_GUARD_FILES | RP_GUARD_TREES))
		return 0;
	return check_file(&guard, BPF_CORE_READ(file, f_path.mnt),
			  BPF_CORE_READ(file, f_path.dentry), RP_FILE_NO_WRITE, RP_OP_TRUNCATE);
}
