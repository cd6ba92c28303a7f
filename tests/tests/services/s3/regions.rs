//! Buckets of several regions in one run. The responses of CreateBucket and GetBucketLocation are those of LocalStack's snapshots,
//! recorded on AWS on 2026-02-21 and 2026-02-23.

use std::path::Path;

use hardcap::Emulator;

use super::vocabulary::*;

fn signing(region: &str) -> Signing {
    Signing { region: region.to_owned(), ..Signing::now() }
}

/// Sends a request as a client of a region.
async fn from(region: &str, emulator: &Emulator, ask: Ask) -> Answer {
    ask.signed(&host(emulator), &signing(region)).send(emulator.aws_url()).await
}

/// Sends a request as a client of a region to a host.
async fn at_host(region: &str, host: &str, emulator: &Emulator, ask: Ask) -> Answer {
    let ask = ask.header("host", host).signed(host, &signing(region));
    ask.send(emulator.aws_url()).await
}

fn create(bucket: &str, constraint: Option<&str>) -> Ask {
    let ask = ask("PUT", &format!("/{bucket}"));
    match constraint {
        None => ask,
        Some(constraint) => ask.body(format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <LocationConstraint>{constraint}</LocationConstraint></CreateBucketConfiguration>"
        )),
    }
}

async fn location(region: &str, emulator: &Emulator, bucket: &str) -> String {
    let answer = from(region, emulator, ask("GET", &format!("/{bucket}?location="))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    let after = text.split_once("<LocationConstraint").expect("a location").1;
    let content = after.split_once('>').expect("an element").1;
    content.split('<').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_bucket_is_created_in_the_region_of_its_constraint_or_refused_by_the_endpoint() {
    let emulator = emulator().await;
    for (client, constraint, location) in [
        ("us-east-1", Some("us-west-2"), "us-west-2"),
        ("us-east-1", Some("EU"), "EU"),
        ("us-east-1", None, ""),
        ("us-east-2", Some("us-east-2"), "us-east-2"),
        ("eu-west-1", Some("EU"), "EU"),
    ] {
        let bucket = format!("{client}-{}", constraint.unwrap_or("none").to_lowercase());
        let created = from(client, &emulator, create(&bucket, constraint)).await;
        assert_eq!(created.status, 200, "{client} {constraint:?}: {}", created.text());
        for region in [client, "us-east-1", "ap-south-1"] {
            let found = self::location(region, &emulator, &bucket).await;
            assert_eq!(found, location, "{client} {constraint:?}, asked from {region}");
        }
    }
    let illegal = "IllegalLocationConstraintException";
    for (client, constraint, code, words) in [
        ("us-east-1", Some("us-east-1"), "InvalidLocationConstraint", "is not valid"),
        ("us-east-1", Some("foo"), "InvalidLocationConstraint", "is not valid"),
        ("us-east-1", Some("aws-global"), "InvalidLocationConstraint", "is not valid"),
        ("us-east-2", None, illegal, "The unspecified location constraint is incompatible"),
        ("us-east-2", Some("us-west-1"), illegal, "The us-west-1 location constraint is"),
        ("us-west-1", Some("us-east-1"), illegal, "The us-east-1 location constraint is"),
        ("us-west-1", Some("aws-global"), illegal, "The aws-global location constraint is"),
        ("us-east-2", Some("EU"), illegal, "The EU location constraint is incompatible"),
        ("eu-west-1", Some("bar"), illegal, "The bar location constraint is incompatible"),
    ] {
        let answer = from(client, &emulator, create("refused", constraint)).await;
        refused(&format!("{client} {constraint:?}"), &answer, (400, code, words));
    }
    let nowhere = from("us-east-1", &emulator, ask("GET", "/refused?location=")).await;
    assert_eq!(nowhere.refusal(), (404, "NoSuchBucket".to_owned()));
    let global = from("aws-global", &emulator, create("refused", None)).await;
    let words = "the region 'aws-global' is wrong; expecting 'us-east-1'";
    refused("aws-global", &global, (400, "AuthorizationHeaderMalformed", words));
    assert_eq!(global.element("Region").as_deref(), Some("us-east-1"));
    healthy(&emulator).await;
}

#[tokio::test]
async fn a_client_of_another_region_gets_the_region_of_the_bucket() {
    let emulator = emulator().await;
    let created = from("us-east-1", &emulator, create("there", Some("us-west-2"))).await;
    let url = format!("http://{}/there/", host(&emulator));
    assert_eq!(created.header("location"), Some(url.as_str()), "{}", created.text());
    let put = ask("PUT", "/there/key").body("data");
    assert_eq!(from("us-west-2", &emulator, put.clone()).await.status, 200);
    let list = ask("GET", "/there").parameter("list-type", "2");
    for ask in [put, ask("GET", "/there/key"), list.clone(), create("there", None)] {
        let answer = from("us-east-1", &emulator, ask).await;
        let words = "the region 'us-east-1' is wrong; expecting 'us-west-2'";
        refused("another region", &answer, (400, "AuthorizationHeaderMalformed", words));
        assert_eq!(answer.element("Region").as_deref(), Some("us-west-2"));
        assert_eq!(answer.header("x-amz-bucket-region"), Some("us-west-2"));
    }
    let head = from("us-east-1", &emulator, ask("HEAD", "/there")).await;
    assert_eq!((head.status, head.header("x-amz-bucket-region")), (400, Some("us-west-2")));
    let here = from("us-west-2", &emulator, ask("GET", "/bucket/key")).await;
    assert_eq!(here.element("Region").as_deref(), Some("us-east-1"), "{}", here.text());
    for ask in [ask("HEAD", "/there"), list, ask("GET", "/there")] {
        let answer = from("us-west-2", &emulator, ask).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-amz-bucket-region"), Some("us-west-2"));
    }
    let link = ask("GET", "/there/key");
    let wrong = link.clone().presigned(&host(&emulator), &signing("us-east-1"));
    let wrong = wrong.send(emulator.aws_url()).await;
    assert_eq!(wrong.header("x-amz-bucket-region"), Some("us-west-2"), "{}", wrong.text());
    let link = link.presigned(&host(&emulator), &signing("us-west-2"));
    assert_eq!(link.send(emulator.aws_url()).await.text(), "data");
    healthy(&emulator).await;
}

#[tokio::test]
async fn the_endpoint_of_another_region_redirects_to_the_endpoint_of_the_bucket() {
    let emulator = emulator().await;
    from("us-east-1", &emulator, create("there", Some("us-west-2"))).await;
    let port = emulator.aws_url().rsplit_once(':').expect("a port").1.trim_end_matches('/');
    let hosts = |region: &str| {
        [format!("there.s3.{region}.localhost:{port}"), format!("s3.{region}.localhost:{port}")]
    };
    let paths = ["/key", "/there/key"];
    for ((wrong, right), path) in hosts("us-east-2").iter().zip(hosts("us-west-2")).zip(paths) {
        let anonymous = ask("GET", path).header("host", wrong).send(emulator.aws_url()).await;
        let signed = at_host("us-east-2", wrong, &emulator, ask("GET", path)).await;
        for answer in [anonymous, signed] {
            let words = "must be addressed using the specified endpoint";
            refused(wrong, &answer, (301, "PermanentRedirect", words));
            assert_eq!(answer.element("Endpoint").as_deref(), Some(right.as_str()));
            assert_eq!(answer.element("Bucket").as_deref(), Some("there"));
            assert_eq!(answer.header("x-amz-bucket-region"), Some("us-west-2"));
        }
        let head = at_host("us-east-2", wrong, &emulator, ask("HEAD", path)).await;
        assert_eq!((head.status, head.body.len()), (301, 0));
        let put = at_host("us-west-2", &right, &emulator, ask("PUT", path).body("data")).await;
        assert_eq!(put.status, 200, "{}", put.text());
        let other = at_host("us-east-1", &right, &emulator, ask("GET", path)).await;
        let words = "the region 'us-east-1' is wrong; expecting 'us-west-2'";
        refused(&right, &other, (400, "AuthorizationHeaderMalformed", words));
    }
    healthy(&emulator).await;
}

#[tokio::test]
async fn buckets_are_listed_in_all_regions_and_by_region() {
    let emulator = emulator().await;
    from("us-east-1", &emulator, create("there", Some("EU"))).await;
    for client in ["us-east-1", "eu-west-1", "sa-east-1"] {
        let all = from(client, &emulator, ask("GET", "/")).await;
        assert_eq!(all.elements("Name"), ["bucket", "there"], "{client}: {}", all.text());
        let paged = ask("GET", "/").parameter("max-buckets", "9");
        let paged = from(client, &emulator, paged).await;
        assert_eq!(paged.elements("BucketRegion"), ["us-east-1", "eu-west-1"]);
        let one = ask("GET", "/").parameter("bucket-region", "eu-west-1");
        assert_eq!(from(client, &emulator, one).await.elements("Name"), ["there"]);
    }
    let by_prefix = from("us-east-1", &emulator, ask("GET", "/").parameter("prefix", "th")).await;
    assert_eq!(by_prefix.elements("BucketRegion"), ["eu-west-1"]);
    let wrong = ask("GET", "/").parameter("bucket-region", "eu-east-1");
    let wrong = from("us-east-1", &emulator, wrong).await;
    let words = "Argument value eu-east-1 is not a valid AWS Region";
    refused("no region", &wrong, (400, "InvalidArgument", words));
    assert_eq!(wrong.element("ArgumentName").as_deref(), Some("bucket-region"));
}

#[tokio::test]
async fn a_bucket_can_be_created_again_only_in_us_east_1() {
    let emulator = emulator().await;
    assert_eq!(from("us-east-1", &emulator, create("bucket", None)).await.status, 200);
    for _ in 0..2 {
        from("us-west-2", &emulator, create("there", Some("us-west-2"))).await;
    }
    let again = from("us-west-2", &emulator, create("there", Some("us-west-2"))).await;
    assert_eq!(again.refusal(), (409, "BucketAlreadyOwnedByYou".to_owned()));
}

#[tokio::test]
async fn the_region_of_a_bucket_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let at = |folder: &Path| hardcap::config::Config { data: Some(folder.to_owned()), ..config() };
    let emulator = start(at(folder.path())).await;
    from("us-east-1", &emulator, create("there", Some("EU"))).await;
    emulator.stop().await;
    let emulator = start(at(folder.path())).await;
    assert_eq!(location("us-east-1", &emulator, "there").await, "EU");
    assert_eq!(location("us-east-1", &emulator, "bucket").await, "");
    let put = ask("PUT", "/there/key").body("data");
    assert_eq!(from("eu-west-1", &emulator, put).await.status, 200);
}
