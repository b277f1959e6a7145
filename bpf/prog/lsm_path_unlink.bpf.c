/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A name is removed. */

SEC("lsm/path_unlink")
int BPF_PROG(lsm_path_unlink, const struct path *dir, struct dentry *dentry)
{
	struct guard guard = {};

	if (!enter_for(&guard, RP_GUARD_FILES | RP_GUARD_TREES))
		return 0;
	return check_file(&guard, BPF_CORE_READ(dir, mnt), dentry,
			  RP_FILE_NO_WRITE | RP_FILE_ANCESTOR, RP_OP_UNLINK);
}
