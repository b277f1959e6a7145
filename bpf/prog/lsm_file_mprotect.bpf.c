/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Mapped memory becomes code, or writable. */

#define VM_SHARED_ 8

SEC("lsm/file_mprotect")
int BPF_PROG(lsm_file_mprotect, struct vm_area_struct *vma, unsigned long reqprot,
	     unsigned long prot)
{
	struct file *file = BPF_CORE_READ(vma, vm_file);
	struct guard guard = {};
	struct denial denial = { .op = RP_OP_MAP_EXEC, .reason = RP_REASON_ANONYMOUS };
	bool write = file && (prot & PROT_WRITE_) && (BPF_CORE_READ(vma, vm_flags) & VM_SHARED_);

	if (!(prot & PROT_EXEC_) && !write)
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
