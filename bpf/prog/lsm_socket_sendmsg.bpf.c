/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* sendto and its kin: datagrams, and TCP's fast open, which connects by sending. */

#define SOCK_STREAM_ 1

SEC("lsm/socket_sendmsg")
int BPF_PROG(lsm_socket_sendmsg, struct socket *sock, struct msghdr *msg, int size)
{
	struct sock *sk = BPF_CORE_READ(sock, sk);
	void *name = BPF_CORE_READ(msg, msg_name);
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	struct peer peer = {};

	if (family != AF_INET_ && family != AF_INET6_)
		return 0;
	if (name) {
		peer_of(&peer, name);
	} else if (BPF_CORE_READ(sk, sk_type) != SOCK_STREAM_) {
		peer.port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
		peer.known = true;
		if (family == AF_INET_)
			map_ipv4(peer.address, BPF_CORE_READ(sk, __sk_common.skc_daddr));
		else
			bpf_core_read(peer.address, 16, &sk->__sk_common.skc_v6_daddr);
	}
	if (!peer.known)
		return 0;
	peer.proto = BPF_CORE_READ(sk, sk_protocol);
	return judge_peer(&peer) ? DENY_ERROR : 0;
}
