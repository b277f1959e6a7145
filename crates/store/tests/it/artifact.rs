//! Both keepers of artifacts behave alike, and a folder survives what a crash leaves.

use rampart_store::{
    Artifacts, StoreError,
    artifact::{Folder, Memory},
};

async fn check(artifacts: &dyn Artifacts) {
    let (a, b) = ("a1".repeat(32), "b2".repeat(32));
    assert!(artifacts.get(&a).await.unwrap().is_none());
    artifacts.put(&a, b"one".to_vec()).await.unwrap();
    artifacts.put(&b, b"two".to_vec()).await.unwrap();
    artifacts.put(&b, b"two".to_vec()).await.unwrap();
    assert_eq!(artifacts.get(&a).await.unwrap().unwrap(), b"one");
    let mut names = artifacts.names().await.unwrap();
    names.sort();
    assert_eq!(names, [a.clone(), b.clone()]);
    artifacts.delete(&a).await.unwrap();
    artifacts.delete(&a).await.unwrap();
    assert_eq!(artifacts.names().await.unwrap(), [b]);
    for name in ["", "../../etc/passwd", &"A".repeat(64), &"a".repeat(63)] {
        let refused = artifacts.put(name, Vec::new()).await;
        assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{name}");
    }
}

#[tokio::test]
async fn both_keep_by_name() {
    check(&Memory::default()).await;
    let folder = tempfile::tempdir().unwrap();
    check(&Folder::open(folder.path().join("reports")).unwrap()).await;
}

#[tokio::test]
async fn what_a_crash_left_is_removed_and_the_rest_kept() {
    let folder = tempfile::tempdir().unwrap();
    let name = "c3".repeat(32);
    let artifacts = Folder::open(folder.path()).unwrap();
    artifacts.put(&name, b"kept".to_vec()).await.unwrap();
    drop(artifacts);
    std::fs::write(folder.path().join(".writing-7"), b"half").unwrap();
    let artifacts = Folder::open(folder.path()).unwrap();
    assert_eq!(
        artifacts.names().await.unwrap(),
        std::slice::from_ref(&name)
    );
    assert_eq!(artifacts.get(&name).await.unwrap().unwrap(), b"kept");
    assert!(!folder.path().join(".writing-7").exists());
}
