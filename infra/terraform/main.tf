# The intake on AWS: one bucket that nobody else can open, and for each site a user who may put and
# list the site's own prefix and read its receipts, and nothing else. The policy is the one that
# `echoatlas site add` writes; a test holds the two together.

data "aws_partition" "this" {}

resource "aws_s3_bucket" "intake" {
  bucket = var.bucket
  tags   = var.tags
}

resource "aws_s3_bucket_public_access_block" "intake" {
  bucket                  = aws_s3_bucket.intake.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "intake" {
  bucket = aws_s3_bucket.intake.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "intake" {
  bucket = aws_s3_bucket.intake.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "aws:kms"
    }
    bucket_key_enabled = true
  }
}

resource "aws_s3_bucket_versioning" "intake" {
  bucket = aws_s3_bucket.intake.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "intake" {
  bucket     = aws_s3_bucket.intake.id
  depends_on = [aws_s3_bucket_versioning.intake]

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = var.abort_days
    }
  }

  rule {
    id     = "overwritten"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = var.keep_versions_days
    }
  }
}

data "aws_iam_policy_document" "encrypted_only" {
  statement {
    sid     = "OnlyByTls"
    effect  = "Deny"
    actions = ["s3:*"]
    resources = [
      aws_s3_bucket.intake.arn,
      "${aws_s3_bucket.intake.arn}/*",
    ]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "intake" {
  bucket = aws_s3_bucket.intake.id
  policy = data.aws_iam_policy_document.encrypted_only.json
}

data "aws_iam_policy_document" "site" {
  for_each = var.sites

  statement {
    sid       = "PutOwn"
    effect    = "Allow"
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["arn:${data.aws_partition.this.partition}:s3:::${var.bucket}/${each.value}/*"]
  }

  statement {
    sid       = "ListOwn"
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:${data.aws_partition.this.partition}:s3:::${var.bucket}"]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${each.value}/", "${each.value}/*", "_receipts/${each.value}/", "_receipts/${each.value}/*"]
    }
  }

  statement {
    sid       = "ReadReceipts"
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:${data.aws_partition.this.partition}:s3:::${var.bucket}/_receipts/${each.value}/*"]
  }
}

resource "aws_iam_user" "site" {
  for_each = var.sites
  name     = "echoatlas-${each.value}"
  tags     = var.tags
}

resource "aws_iam_user_policy" "site" {
  for_each = var.sites
  name     = "echoatlas-uploads"
  user     = aws_iam_user.site[each.value].name
  policy   = data.aws_iam_policy_document.site[each.value].json
}
