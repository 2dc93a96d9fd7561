output "buckets" {
  description = "For each site's file: its bucket."
  value       = { for site in var.sites : site => "s3://${aws_s3_bucket.intake.id}/${site}/" }
}

output "users" {
  description = "For each site its user. Keys are made by hand (aws iam create-access-key): a state file is no place for them."
  value       = { for site in var.sites : site => aws_iam_user.site[site].name }
}
