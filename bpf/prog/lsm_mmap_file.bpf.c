/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Memory is mapped: code by any loader, or a protected file shared and writable. */

#define PROT_WRITE_ 2
#define PROT_EXEC_ 4
#define MAP_SHARED_ 1

SEC("lsm/mmap_file")
int BPF_PROG(lsm_mmap_file, struct file *file, unsigned long reqprot, unsigned long prot,
	     unsigned long flags)
{
	struct guard guard = {};
	struct denial denial = { .op = RP_OP_MAP_EXEC, .reason = RP_REASON_ANONYMOUS };

	if (!(prot & PROT_EXEC_) && !(file && (flags & MAP_SHARED_) && (prot & PROT_WRITE_)))
		return 0;
	if (!enter(&guard))
		return 0;
	if (!file) {
		if (!(guard.flags & RP_GUARD_ANON_EXEC))
			return 0;
		refuse(&guard, &denial);
		return DENY_ERROR;
	}
	if (!(prot & PROT_EXEC_))
		return check_file(&guard, BPF_CORE_READ(file, f_path.mnt),
				  BPF_CORE_READ(file, f_path.dentry), RP_FILE_NO_WRITE,
				  RP_OP_OPEN_WRITE);
	return check_code(&guard, file, RP_OP_MAP_EXEC);
}
