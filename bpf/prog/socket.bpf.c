/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* TCP sockets of labelled processes: connect, accept, listen, close. */

#define IPPROTO_TCP_ 6
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_CLOSE 7
#define TCP_LISTEN 10

static __always_inline void report_socket(const struct sock *sk, struct rp_sock_state *state,
					  __u8 op, __u64 duration_ns)
{
	struct rp_socket record = {};

	fill_head(&record.head, RP_SOCKET, sizeof(record));
	record.cgroup_id = BPF_CORE_READ(sk, sk_cgrp_data.cgroup, kn, id);
	record.duration_ns = duration_ns;
	record.label = state->label;
	record.pid = state->pid;
	record.op = op;
	__builtin_memcpy(record.comm, state->comm, RP_COMM);
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET_) {
		map_ipv4(record.local, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
		map_ipv4(record.peer, BPF_CORE_READ(sk, __sk_common.skc_daddr));
	} else {
		bpf_core_read(record.local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(record.peer, 16, &sk->__sk_common.skc_v6_daddr);
	}
	record.local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	record.peer_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	send_event(&record, sizeof(record));
}

/* State of a socket that its process has just begun to use. */
static __always_inline struct rp_sock_state *own_socket(const struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct rp_sock_state *socket;
	struct rp_state *state;
	__u32 flags = 0;

	state = state_of(task->group_leader, &flags);
	if (!state)
		return 0;
	socket = bpf_sk_storage_get(&sockets, (void *)sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!socket)
		return 0;
	socket->label = state->label;
	socket->pid = task->tgid;
	socket->since_ns = bpf_ktime_get_boot_ns();
	bpf_core_read(&socket->comm, RP_COMM, &task->comm);
	return socket;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_sock_state, const struct sock *sk, int old_state, int new_state)
{
	struct rp_sock_state *socket;
	__u64 now;

	if (sk->sk_protocol != IPPROTO_TCP_)
		return 0;
	if (new_state == TCP_SYN_SENT || new_state == TCP_LISTEN) {
		socket = own_socket(sk);
		if (socket)
			report_socket(sk, socket,
				      new_state == TCP_LISTEN ? RP_SOCK_LISTEN : RP_SOCK_CONNECT, 0);
		return 0;
	}
	if (new_state != TCP_ESTABLISHED && new_state != TCP_CLOSE)
		return 0;
	socket = bpf_sk_storage_get(&sockets, (void *)sk, 0, 0);
	if (!socket || !socket->label)
		return 0;
	now = bpf_ktime_get_boot_ns();
	if (new_state == TCP_ESTABLISHED) {
		socket->since_ns = now;
		report_socket(sk, socket,
			      old_state == TCP_SYN_SENT ? RP_SOCK_CONNECTED : RP_SOCK_ACCEPT, 0);
	} else if (old_state != TCP_LISTEN) {
		report_socket(sk, socket, RP_SOCK_CLOSE, now - socket->since_ns);
	}
	return 0;
}
