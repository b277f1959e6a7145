/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* truncate and, before kernel 6.2, ftruncate. */

SEC("lsm/path_truncate")
int BPF_PROG(lsm_path_truncate, const struct path *path)
{
	struct guard guard = {};

	if (!enter_for(&guard, RP_GUARD_FILES | RP_GUARD_TREES))
		return 0;
	return check_file(&guard, BPF_CORE_READ(path, mnt), BPF_CORE_READ(path, dentry),
			  RP_FILE_NO_WRITE, RP_OP_TRUNCATE);
}
